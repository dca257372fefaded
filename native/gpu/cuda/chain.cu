// The ops of a step with one token in one launch: a block on every multiprocessor, all at once
// (bodies/chain.h).

#include "gpu/cuda/chain.cuh"

#include "gpu/chain.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

template <KvType type, uint32_t HeadDim>
__global__ void __launch_bounds__(kChainThreads, 1) chain_kernel(const __grid_constant__ ChainArgs chain) {
#if __CUDA_ARCH__ >= 900
  ChainMachine machine(chain);
  run_chain<type, HeadDim>(machine, chain);
#endif
}

template <KvType type, uint32_t HeadDim>
cudaError_t launch_kernel(const Launcher& on, const ChainArgs& args) {
  const auto kernel = chain_kernel<type, HeadDim>;
  cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           static_cast<int>(on.shared_bytes));
  if (error != cudaSuccess) return error;
  cudaLaunchAttribute together = {};
  together.id = cudaLaunchAttributeCooperative;
  together.val.cooperative = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(on.multiprocessors);
  config.blockDim = dim3(kChainThreads);
  config.dynamicSmemBytes = chain_shared_bytes(args);
  config.stream = on.stream;
  config.attrs = &together;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, args);
}

}  // namespace

ChainLimits chain_limits(uint32_t multiprocessors, size_t shared_bytes) noexcept {
  return limits_of_chains(multiprocessors, shared_bytes);
}

cudaError_t launch_chain(const Launcher& on, Chain& chain, void* meetings, uint32_t* counters) {
  const ChainArgs& args = chain.args(address_of(meetings), address_of(counters));
  return with_kv_type(chain.kv_type(), [&]<KvType type>() {
    return chain.head_dim() == 128 ? launch_kernel<type, 128>(on, args) : launch_kernel<type, 64>(on, args);
  });
}

}  // namespace openelm::gpu::cuda
