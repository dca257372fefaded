#include "gpu/cuda/prefill_attention.h"

#include <cuda_runtime.h>

#include <cmath>

#include "gpu/cuda/prefill_attention.cuh"
#include "gpu/cuda/prefill_attention_wide.h"

namespace openelm::gpu::cuda {
namespace {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, 2) attention_kernel(PrefillAttentionArgs args) {
  extern __shared__ __align__(128) char openelm_positions[];
  // Later tiles attend to more positions: they start first.
  Kernel::run(args, openelm_positions, gridDim.y - 1 - blockIdx.y, blockIdx.x);
}

/// Calls f with a null pointer to the kernel's type; false when heads are too wide.
template <KvType kType, class F>
bool with_head_dim(uint32_t head_dim, F f) {
  if (head_dim <= 64) {
    f(static_cast<PrefillAttention<kType, 64, 64>*>(nullptr));
  } else if (head_dim <= 128) {
    f(static_cast<PrefillAttention<kType, 128, 64>*>(nullptr));
  } else if (head_dim <= 256) {
    f(static_cast<PrefillAttention<kType, 256, 32>*>(nullptr));
  } else {
    return false;
  }
  return true;
}

template <class F>
bool with_kernel(KvType type, uint32_t head_dim, F f) {
  switch (type) {
    case KvType::f32:
      return with_head_dim<KvType::f32>(head_dim, f);
    case KvType::f16:
      return with_head_dim<KvType::f16>(head_dim, f);
    case KvType::q8_0:
      return with_head_dim<KvType::q8_0>(head_dim, f);
  }
  return false;
}

}  // namespace

cudaError_t prepare_prefill_attention() {
  cudaError_t error = cudaSuccess;
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    for (const uint32_t head_dim : {64u, 128u, 256u}) {
      with_kernel(type, head_dim, [&]<class Kernel>(Kernel*) {
        if (error == cudaSuccess) {
          error = cudaFuncSetAttribute(attention_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       Kernel::kSharedBytes);
        }
      });
    }
  }
  return error;
}

cudaError_t prefill_attention(const float* qkv, uint32_t ldq, const HeadShape& shape, const BatchToken* list,
                              const AttentionTile* tiles, uint32_t tile_count, const CacheLayout& cache,
                              float* out, cudaStream_t stream) {
  if (tile_count == 0) return cudaSuccess;
  PrefillAttentionArgs args = {};
  args.qkv = qkv;
  args.list = list;
  args.tiles = tiles;
  args.out = out;
  args.ldq = ldq;
  args.heads = shape.heads;
  args.kv_heads = shape.kv_heads;
  args.head_dim = shape.head_dim;
  args.cache = cache;
  args.scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(shape.head_dim)));
  const bool found =
      with_kernel(static_cast<KvType>(cache.kv_type), shape.head_dim, [&]<class Kernel>(Kernel*) {
        attention_kernel<Kernel>
            <<<dim3(shape.heads, tile_count), Kernel::kThreads, Kernel::kSharedBytes, stream>>>(args);
      });
  return found ? cudaGetLastError() : prefill_attention_wide(args, tile_count, stream);
}

}  // namespace openelm::gpu::cuda
