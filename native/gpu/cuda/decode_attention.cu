// Attention of single tokens: a block for each chunk of positions and kv head (all its query heads share the
// keys and values it reads), then one for each head that merges the chunks. Chunks have a fixed size, so a
// token's result depends on its position alone; the grid covers the longest sequence, and blocks behind a
// position end at once.

#include <algorithm>

#include "gpu/bodies/attention.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kChunkThreads = 128;
constexpr uint32_t kMergeThreads = 128;
/// Tokens whose partial results are in memory at a time.
constexpr uint32_t kTokensAtOnce = 32;

template <KvType type, uint32_t HeadDim>
__global__ void __launch_bounds__(kChunkThreads) attend_chunk_kernel(AttentionArgs args) {
  let_next_start();
  attend_chunk<type, HeadDim>(Block<kChunkThreads>(), args, blockIdx.z, blockIdx.y, blockIdx.x,
                              reinterpret_cast<float*>(shared_memory()));
}

__global__ void __launch_bounds__(kMergeThreads) merge_chunks_kernel(AttentionArgs args) {
  let_next_start();
  merge_chunks(Block<kMergeThreads>(), args, blockIdx.y, blockIdx.x);
}

constexpr uint32_t chunks_of(uint32_t positions) {
  return (positions + kAttentionChunk - 1) / kAttentionChunk;
}

cudaError_t attend_chunks(const Launcher& on, const AttentionArgs& args, uint32_t n) {
  const dim3 blocks(args.max_chunks, args.kv_heads, n);
  const size_t shared = attend_chunk_bytes(args.head_dim, kChunkThreads / kWarp, kWarp);
  return with_kv_type(args.cache, [&]<KvType type>() {
    switch (args.head_dim) {
      case 64:
        return launch(on, attend_chunk_kernel<type, 64>, blocks, kChunkThreads, shared, args);
      case 128:
        return launch(on, attend_chunk_kernel<type, 128>, blocks, kChunkThreads, shared, args);
      default:
        return launch(on, attend_chunk_kernel<type, 0>, blocks, kChunkThreads, shared, args);
    }
  });
}

}  // namespace

size_t decode_attention_bytes(uint32_t n, const HeadShape& largest, uint32_t n_ctx) noexcept {
  return size_t{std::min(n, kTokensAtOnce)} * largest.heads * chunks_of(n_ctx) * (largest.head_dim + 2) *
         sizeof(float);
}

cudaError_t decode_attention(const Launcher& on, const float* qkv, const HeadShape& shape,
                             const DeviceBatch& batch, const CacheLayout& cache, void* scratch, float* out) {
  AttentionArgs args = {};
  args.partials = address_of(scratch);
  args.heads = shape.heads;
  args.kv_heads = shape.kv_heads;
  args.head_dim = shape.head_dim;
  args.max_chunks = chunks_of(batch.max_positions);
  args.cache = cache;
  const size_t width = size_t{shape.heads + 2 * shape.kv_heads} * shape.head_dim;
  for (uint32_t first = 0; first < batch.single_tokens; first += kTokensAtOnce) {
    const uint32_t n = std::min(kTokensAtOnce, batch.single_tokens - first);
    args.qkv = address_of(qkv + first * width);
    args.list = batch.list + first * sizeof(BatchToken);
    args.out = address_of(out + size_t{first} * shape.heads * shape.head_dim);
    cudaError_t error = attend_chunks(on, args, n);
    if (error == cudaSuccess)
      error = launch(on, merge_chunks_kernel, dim3(shape.heads, n), kMergeThreads, 0, args);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace openelm::gpu::cuda
