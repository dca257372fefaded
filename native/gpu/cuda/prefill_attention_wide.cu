// Prefill attention for heads too wide for the tensor-core kernels' registers: a warp a token, without tensor
// cores. No published model has such heads; synthetic ones may.

#include "gpu/cuda/prefill_attention_wide.h"

#include <cuda_runtime.h>

#include "gpu/cuda/group.cuh"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kWarps = 4;
/// Dims of a lane, at most: heads of up to 1024.
constexpr uint32_t kDims = 32;

template <KvType kType>
GPU_FN float element(const uint8_t* row, uint32_t dim) {
  if (kType == KvType::f32) return as_float(load_4(row + 4 * dim));
  if (kType == KvType::f16) return half_bits_to_float(load_2(row + 2 * dim));
  const uint8_t* const block = row + dim / 32 * 34;
  return half_bits_to_float(load_2(block)) * static_cast<float>(static_cast<int8_t>(block[2 + dim % 32]));
}

template <KvType kType>
GPU_FN void attend(const PrefillAttentionArgs& args, uint32_t token, uint32_t head) {
  const BatchToken entry = args.list[token];
  const KvHead kv = kv_head_of(entry, args.cache, head / (args.heads / args.kv_heads));
  const uint32_t lane = threadIdx.x % kWarp;
  const float* const q =
      args.qkv + static_cast<size_t>(token) * args.ldq + static_cast<size_t>(head) * args.head_dim;
  float query[kDims], sums[kDims];
  GPU_UNROLL
  for (uint32_t i = 0; i < kDims; ++i) {
    const uint32_t dim = lane + i * kWarp;
    query[i] = dim < args.head_dim ? q[dim] * args.scale : 0.0f;
    sums[i] = 0.0f;
  }
  float maximum = as_float(0xff800000u), total = 0.0f;
  for (uint32_t position = 0; position <= entry.position; ++position) {
    const uint8_t* const key = kv.keys + static_cast<size_t>(position) * kv.row_bytes;
    const uint8_t* const value = kv.values + static_cast<size_t>(position) * kv.row_bytes;
    float score = 0.0f;
    GPU_UNROLL
    for (uint32_t i = 0; i < kDims; ++i) {
      const uint32_t dim = lane + i * kWarp;
      if (dim < args.head_dim) score += query[i] * element<kType>(key, dim);
    }
    score = Warp().sum(score);
    const float top = fmaxf(maximum, score), shrink = exp2f(maximum - top), p = exp2f(score - top);
    maximum = top;
    total = total * shrink + p;
    GPU_UNROLL
    for (uint32_t i = 0; i < kDims; ++i) {
      const uint32_t dim = lane + i * kWarp;
      if (dim < args.head_dim) sums[i] = sums[i] * shrink + p * element<kType>(value, dim);
    }
  }
  float* const out = args.out + (static_cast<size_t>(token) * args.heads + head) * args.head_dim;
  GPU_UNROLL
  for (uint32_t i = 0; i < kDims; ++i) {
    const uint32_t dim = lane + i * kWarp;
    if (dim < args.head_dim) out[dim] = sums[i] / total;
  }
}

template <KvType kType>
__global__ void __launch_bounds__(kWarps* kWarp) wide_kernel(PrefillAttentionArgs args) {
  const AttentionTile tile = args.tiles[blockIdx.y];
  for (uint32_t t = threadIdx.x / kWarp; t < tile.tokens; t += kWarps) {
    attend<kType>(args, tile.first_token + t, blockIdx.x);
  }
}

}  // namespace

cudaError_t prefill_attention_wide(const PrefillAttentionArgs& args, uint32_t tile_count,
                                   cudaStream_t stream) {
  if (args.head_dim > kDims * kWarp) return cudaErrorNotSupported;
  const dim3 blocks(args.heads, tile_count);
  switch (static_cast<KvType>(args.cache.kv_type)) {
    case KvType::f32:
      wide_kernel<KvType::f32><<<blocks, kWarps * kWarp, 0, stream>>>(args);
      break;
    case KvType::f16:
      wide_kernel<KvType::f16><<<blocks, kWarps * kWarp, 0, stream>>>(args);
      break;
    case KvType::q8_0:
      wide_kernel<KvType::q8_0><<<blocks, kWarps * kWarp, 0, stream>>>(args);
      break;
  }
  return cudaGetLastError();
}

}  // namespace openelm::gpu::cuda
