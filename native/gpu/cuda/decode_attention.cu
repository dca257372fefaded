// Attention of single tokens: a block for each chunk of positions and kv head (all its query heads share the
// keys and values it reads), the last of which to be done merges the chunks. Chunks have a fixed size and are
// merged in their order, so a token's result depends on its position alone; the grid covers the longest
// sequence, and blocks behind a position end at once.

#include "gpu/bodies/attention.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kChunkThreads = 128;

/// Asks for the chunk's keys and values of earlier tokens before the inputs are there. The token itself may
/// still be the one before, as `advance` may not have run: it only says what to ask for, and is read from L2
/// so that no older copy of it is left for the body.
__device__ __forceinline__ void fetch_chunk(const AttentionArgs& args, uint32_t token, uint32_t kv_head,
                                            uint32_t chunk) {
#if __CUDA_ARCH__ >= 900
  if (threadIdx.x != 0) return;
  const uint4 words = __ldcg(reinterpret_cast<const uint4*>(args.list) + token);
  BatchToken of;
  of.cache = words.x | static_cast<uint64_t>(words.y) << 32;
  of.n_ctx = words.z;
  of.position = words.w;
  const uint32_t begin = chunk * kAttentionChunk;
  if (begin >= of.position) return;
  const uint32_t row_bytes = args.cache.row_bytes;
  for (uint32_t part = 0; part < 2; ++part)
    prefetch_run(kv_rows(of, args.cache, kv_head, part) + uint64_t{begin} * row_bytes,
                 min_of(of.position - begin, kAttentionChunk) * row_bytes);
#endif
}

GPU_FN FinishedHeads heads_of(const AttentionArgs& args) {
  return {args};
}
GPU_FN FreshHeads heads_of(const FreshAttentionArgs& args) {
  return {args.attention, args.heads};
}

/// Args: AttentionArgs or FreshAttentionArgs.
template <KvType type, uint32_t HeadDim, class Args>
__global__ void __launch_bounds__(kChunkThreads, 4) attention_kernel(Args args, uint32_t* counters) {
  let_next_start();
  const auto heads = heads_of(args);
  fetch_chunk(heads.args, blockIdx.z, blockIdx.y, blockIdx.x);
  attend_and_merge<type, HeadDim>(Block<kChunkThreads>(), heads, counters, blockIdx.z, blockIdx.y, blockIdx.x,
                                  reinterpret_cast<float*>(shared_memory()));
}

constexpr uint32_t chunks_of(uint32_t positions) {
  return (positions + kAttentionChunk - 1) / kAttentionChunk;
}

}  // namespace

size_t decode_attention_bytes(const HeadShape& largest, uint32_t n_ctx) noexcept {
  return size_t{kSmallBatch} * largest.heads * chunks_of(n_ctx) * partial_floats(largest.head_dim) *
         sizeof(float);
}

size_t decode_attention_counter_bytes(const HeadShape& largest) noexcept {
  return size_t{kSmallBatch} * largest.heads * sizeof(uint32_t);  // no more kv heads than heads
}

static AttentionArgs attention_args(const float* qkv, const HeadShape& shape, const DeviceBatch& batch,
                                    const CacheLayout& cache, void* scratch, float* out) {
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
  return args;
}

/// A block for each chunk of every token and kv head.
template <class Args>
static cudaError_t launch_chunks(const Launcher& on, const AttentionArgs& of, uint32_t tokens,
                                 const Args& args, uint32_t* counters) {
  if (tokens > kSmallBatch) return cudaErrorInvalidValue;
  const dim3 blocks(of.max_chunks, of.kv_heads, tokens);
  const size_t shared = attend_chunk_bytes(of.head_dim, kChunkThreads / kWarp, kWarp);
  return with_kv_type(static_cast<KvType>(of.cache.kv_type), [&]<KvType type>() {
    switch (of.head_dim) {
      case 64:
        return launch(on, attention_kernel<type, 64, Args>, blocks, kChunkThreads, shared, args, counters);
      case 128:
        return launch(on, attention_kernel<type, 128, Args>, blocks, kChunkThreads, shared, args, counters);
      default:
        return launch(on, attention_kernel<type, 0, Args>, blocks, kChunkThreads, shared, args, counters);
    }
  });
}

cudaError_t decode_attention(const Launcher& on, const float* qkv, const HeadShape& shape,
                             const DeviceBatch& batch, const CacheLayout& cache, void* scratch,
                             uint32_t* counters, float* out) {
  const AttentionArgs args = attention_args(qkv, shape, batch, cache, scratch, out);
  return launch_chunks(on, args, batch.single_tokens, args, counters);
}

FreshAttentionArgs fresh_attention_args(const float* qkv, const HeadShape& shape, const float* q_norm,
                                        const float* k_norm, float eps, const float* rope,
                                        uint32_t rope_positions, const DeviceBatch& batch,
                                        const CacheLayout& cache, void* scratch, float* out) {
  return {attention_args(qkv, shape, batch, cache, scratch, out),
          finish_heads_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache)};
}

cudaError_t fresh_attention(const Launcher& on, const FreshAttentionArgs& args, uint32_t tokens,
                            uint32_t* counters) {
  return launch_chunks(on, args.attention, tokens, args, counters);
}

}  // namespace openelm::gpu::cuda
