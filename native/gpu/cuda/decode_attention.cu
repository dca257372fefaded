// Attention of single tokens: a block for each chunk of positions and kv head (all its query heads share the
// keys and values it reads), then one for each head that merges the chunks. Chunks have a fixed size, so a
// token's result depends on its position alone; the grid covers the longest sequence, and blocks behind a
// position end at once.

#include "gpu/bodies/attention.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kChunkThreads = 128;
constexpr uint32_t kMergeThreads = 128;

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

size_t decode_attention_bytes(const HeadShape& largest, uint32_t n_ctx) noexcept {
  return size_t{kSmallBatch} * largest.heads * chunks_of(n_ctx) * (largest.head_dim + 2) * sizeof(float);
}

cudaError_t decode_attention(const Launcher& on, const float* qkv, const HeadShape& shape,
                             const DeviceBatch& batch, const CacheLayout& cache, void* scratch, float* out) {
  if (batch.single_tokens > kSmallBatch) return cudaErrorInvalidValue;
  AttentionArgs args = {};
  args.qkv = address_of(qkv);
  args.list = batch.list;
  args.out = address_of(out);
  args.partials = address_of(scratch);
  args.heads = shape.heads;
  args.kv_heads = shape.kv_heads;
  args.head_dim = shape.head_dim;
  args.max_chunks = chunks_of(batch.max_positions);
  args.cache = cache;
  const cudaError_t error = attend_chunks(on, args, batch.single_tokens);
  if (error != cudaSuccess) return error;
  return launch(on, merge_chunks_kernel, dim3(shape.heads, batch.single_tokens), kMergeThreads, 0, args);
}

}  // namespace openelm::gpu::cuda
