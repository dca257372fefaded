// Runs the tensor-core kernels' bodies on a host, thread by thread, and decode attention's groups; prints
// TAP.

#include "gpu/emulated.h"

namespace openelm::gpu::cuda {
void check_gemm_tiles();
void check_gemm_few();
void check_chain_sums();
void check_prefill_attention();
void check_decode_attention();
}  // namespace openelm::gpu::cuda

int main() {
  openelm::gpu::cuda::check_gemm_tiles();
  openelm::gpu::cuda::check_gemm_few();
  openelm::gpu::cuda::check_chain_sums();
  openelm::gpu::cuda::check_prefill_attention();
  openelm::gpu::cuda::check_decode_attention();
  const openelm::emulation::Tally& counts = openelm::emulation::tally();
  std::printf("1..%d\n", counts.passed + counts.failed);
  return counts.failed == 0 ? 0 : 1;
}
