#pragma once

// Causal grouped-query attention for tiles of consecutive tokens of a sequence, on tensor cores:
//   out[t][h] = softmax(q[t][h] · K[0..position]ᵀ / √head_dim) · V[0..position]
// with a running maximum and sum over blocks of positions (Dao et al., FlashAttention, arXiv 2205.14135).
// Blocks begin at multiples of their size, so that a token's result depends on its position alone, not on its
// tile.

#include <cuda_runtime_api.h>

#include <cstdint>

#include "gpu/device.h"
#include "gpu/types.h"

namespace openelm::gpu::cuda {

/// Tokens of an AttentionTile, at most.
inline constexpr uint32_t kAttentionTileTokens = 64;

/// Once for each device, with that device current: raises the kernels' limits of shared memory.
cudaError_t prepare_prefill_attention();

/// qkv: f32 [tokens][ldq], query head h of a token at h · head_dim, after norm and RoPE. Keys and values up
/// to each token's position are in its cache (16-byte aligned), whose address and n_ctx `list` holds. list:
/// BatchToken of all tokens of the batch; tiles: [tile_count], their first_token counted in `list`, qkv and
/// out. out: f32 [tokens][heads · head_dim]. All pointers are on the device. head_dim is a multiple of 16, of
/// 32 for a q8_0 cache. Enqueues and returns the launch's error; allocates nothing.
cudaError_t prefill_attention(const float* qkv, uint32_t ldq, const HeadShape& shape, const BatchToken* list,
                              const AttentionTile* tiles, uint32_t tile_count, const CacheLayout& cache,
                              float* out, cudaStream_t stream);

}  // namespace openelm::gpu::cuda
