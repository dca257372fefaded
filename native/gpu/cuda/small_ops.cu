// Launches of the bodies between products: embedding rows, norms, what qkv needs before attention, the next
// token.

#include "gpu/bodies/advance.h"
#include "gpu/bodies/embed.h"
#include "gpu/bodies/finish_heads.h"
#include "gpu/bodies/rms_norm.h"
#include "gpu/bodies/swiglu.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"
#include "gpu/with_block.h"

namespace openelm::gpu::cuda {

namespace {

constexpr uint32_t kRowThreads = 256;   // of a token's row
constexpr uint32_t kHeadThreads = 128;  // a warp a head

template <class Block>
__global__ void __launch_bounds__(kRowThreads) embed_kernel(EmbedArgs args) {
  let_next_start();
  gpu::embed<Block>(cuda::Block<kRowThreads>(), args, blockIdx.x);
}

__global__ void __launch_bounds__(kRowThreads) rms_norm_kernel(RmsNormArgs args) {
  __shared__ float shared[kRowThreads / kWarp];
  let_next_start();
  gpu::rms_norm(Block<kRowThreads>(), args, blockIdx.x, shared);
}

__global__ void __launch_bounds__(kRowThreads) swiglu_kernel(SwigluArgs args) {
  let_next_start();
  gpu::swiglu(args, blockIdx.x * kRowThreads + threadIdx.x);
}

template <KvType type>
__global__ void __launch_bounds__(kHeadThreads) finish_heads_kernel(FinishHeadsArgs args) {
  let_next_start();
  gpu::finish_heads<type>(Block<kHeadThreads>(), args, blockIdx.x * (kHeadThreads / kWarp),
                          reinterpret_cast<float*>(shared_memory()));
}

__global__ void advance_kernel(AdvanceArgs args) {
  let_next_start();
  const uint32_t t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t < args.n) gpu::advance(args, t);
}

}  // namespace

cudaError_t embed(const Launcher& on, const DeviceMatrix& table, const int32_t* ids, uint32_t n, float* x) {
  EmbedArgs args = {};
  args.table = matrix_ref(table);
  args.ids = address_of(ids);
  args.x = address_of(x);
  cudaError_t error = cudaSuccess;
  with_block(table.type, [&]<class Block>(BlockTag<Block>) {
    error = launch(on, embed_kernel<Block>, dim3(n), kRowThreads, 0, args);
  });
  return error;
}

cudaError_t rms_norm(const Launcher& on, const float* x, const float* weight, float eps, uint32_t dim,
                     uint32_t n, float* y) {
  RmsNormArgs args = {};
  args.x = address_of(x);
  args.weight = address_of(weight);
  args.y = address_of(y);
  args.dim = dim;
  args.eps = eps;
  return launch(on, rms_norm_kernel, dim3(n), kRowThreads, 0, args);
}

cudaError_t swiglu(const Launcher& on, const float* gate, const float* up, uint32_t count, float* y) {
  SwigluArgs args = {};
  args.gate = address_of(gate);
  args.up = address_of(up);
  args.y = address_of(y);
  args.count = count;
  return launch(on, swiglu_kernel, dim3((count + kRowThreads - 1) / kRowThreads), kRowThreads, 0, args);
}

cudaError_t finish_heads(const Launcher& on, float* qkv, const HeadShape& shape, const float* q_norm,
                         const float* k_norm, float eps, const float* rope, uint32_t rope_positions,
                         const DeviceBatch& batch, const CacheLayout& cache) {
  const FinishHeadsArgs args =
      finish_heads_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache);
  constexpr uint32_t kTeams = kHeadThreads / kWarp;
  const uint32_t vectors = batch.tokens * (shape.heads + 2 * shape.kv_heads);
  return with_kv_type(static_cast<KvType>(cache.kv_type), [&]<KvType type>() {
    return launch(on, finish_heads_kernel<type>, dim3((vectors + kTeams - 1) / kTeams), kHeadThreads,
                  kTeams * shape.head_dim * sizeof(float), args);
  });
}

cudaError_t advance(const Launcher& on, const Candidate* best, uint32_t k, uint32_t n, int32_t* ids,
                    BatchToken* list) {
  constexpr uint32_t kThreads = 32;
  AdvanceArgs args = {};
  args.best = address_of(best);
  args.ids = address_of(ids);
  args.list = address_of(list);
  args.k = k;
  args.n = n;
  return launch(on, advance_kernel, dim3((n + kThreads - 1) / kThreads), kThreads, 0, args);
}

}  // namespace openelm::gpu::cuda
