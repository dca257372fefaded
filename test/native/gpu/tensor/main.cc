// The tensor-core kernels alone on GPU 0: TAP of their checks, then their speeds.
//
//   tensor_check            checks, then speeds
//   tensor_check --check    checks only
//   tensor_check --bench    speeds only

#include <string_view>

#include "gpu/cuda/gemm.h"
#include "gpu/cuda/prefill_attention.h"
#include "gpu/tensor/memory.h"

namespace openelm::gpu::cuda {
void check_gemm_on_device(size_t first_tile);
void check_attention_on_device();
void bench_tensor_kernels(size_t first_tile);
}  // namespace openelm::gpu::cuda

int main(int argc, char** argv) {
  using namespace openelm::gpu::cuda;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  cudaDeviceProp device;
  require(cudaGetDeviceProperties(&device, 0), "device");
  std::printf("# %s, %d multiprocessors\n", device.name, device.multiProcessorCount);
  size_t first_tile = 0;
  require(prepare_gemm(first_tile), "prepare_gemm");
  std::printf("# warpgroup tiles %s\n",
              first_tile == 0 ? "agree with the others: used" : "differ or do not run: not used");
  require(prepare_prefill_attention(), "prepare_prefill_attention");
  if (mode != "--bench") {
    check_gemm_on_device(first_tile);
    check_attention_on_device();
    const openelm::emulation::Tally& counts = openelm::emulation::tally();
    std::printf("1..%d\n# %d failed\n", counts.passed + counts.failed, counts.failed);
  }
  if (mode != "--check") bench_tensor_kernels(first_tile);
  return openelm::emulation::tally().failed == 0 ? 0 : 1;
}
