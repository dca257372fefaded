#pragma once

// What kernels are given, by value. Addresses are the device's (at<T>() makes pointers of them); activations
// are f32 and row-major without gaps unless a leading dimension says otherwise.

#include "gpu/compat.h"
#include "gpu/types.h"

namespace openelm {
namespace gpu {

/// A matrix in the device's layout (see matrix.h).
struct MatrixRef {
  uint64_t quants;
  uint64_t scales;  // of the types that keep them apart
  uint32_t rows, cols;
};

struct RmsNormArgs {
  uint64_t x, weight, y;  // [n][dim], [dim], [n][dim]
  uint32_t dim;
  float eps;
};

struct EmbedArgs {
  MatrixRef table;
  uint64_t ids, x;  // int32[n], [n][cols]
};

/// y[t] (=|+=) w · x'[t], x' = x or rms_norm(x) · norm.
struct MatvecArgs {
  MatrixRef w;
  uint64_t x, norm, y;  // [tokens][cols], [cols] or 0, [tokens][ldy]
  uint32_t tokens;      // <= the kernel's Tokens
  uint32_t ldy;
  uint32_t add;    // 1: +=
  uint32_t panel;  // columns of x that are in shared memory at a time: see MatvecShared
  float eps;
  uint32_t unused;
};

/// y[t] = swiglu(gate · x'[t], up · x'[t]).
struct GatedMatvecArgs {
  MatrixRef gate, up;
  uint64_t x, norm, y;  // [tokens][cols], [cols] or 0, [tokens][gate.rows]
  uint32_t tokens, panel;
  float eps;
  uint32_t unused;
};

/// The same product for many tokens.
struct MatmulArgs {
  MatrixRef w;
  uint64_t x, y;  // [tokens][cols], [tokens][ldy]
  uint32_t tokens, ldy;
  uint32_t add;
  uint32_t unused;
};

struct SwigluArgs {
  uint64_t gate, up, y;  // y may be gate
  uint32_t count;
  uint32_t unused;
};

struct FinishHeadsArgs {
  uint64_t qkv;             // [tokens][(heads + 2 kv_heads) * head_dim]
  uint64_t q_norm, k_norm;  // [head_dim]
  uint64_t rope;            // [2][rope_positions][head_dim / 2], cosines then sines
  uint64_t list;            // BatchToken[tokens]
  uint32_t tokens, heads, kv_heads, head_dim;
  uint32_t rope_positions;
  float eps;
  CacheLayout cache;
};

struct AttentionArgs {
  uint64_t qkv;       // as FinishHeadsArgs, finished
  uint64_t list;      // BatchToken[tokens]
  uint64_t tiles;     // AttentionTile[], for attend_tile
  uint64_t out;       // [tokens][heads * head_dim]
  uint64_t partials;  // for attend_chunk: [tokens][heads][max_chunks][partial_floats]
  uint32_t heads, kv_heads, head_dim, max_chunks;
  CacheLayout cache;
};

/// Attention that finishes its heads itself; what both have is the same.
struct FreshAttentionArgs {
  AttentionArgs attention;
  FinishHeadsArgs heads;
};

struct TopKArgs {
  uint64_t logits;    // [n][vocab]
  uint64_t partials;  // uint64_t[n][slices][k]
  uint64_t out;       // Candidate[n][k]
  uint32_t vocab, k, slices;
  uint32_t unused;
};

struct AdvanceArgs {
  uint64_t best, ids, list;  // Candidate[n][k], int32[n], BatchToken[n]
  uint32_t k, n;
};

/// Positions of a chunk of decode attention. Fixed, so that a token's result depends on its position alone.
GPU_CONSTANT uint32_t kAttentionChunk = 64;
/// Tokens of an attention tile (attend_tile), at most.
GPU_CONSTANT uint32_t kAttentionTile = 8;
/// Logits of a slice of top_k, and the most candidates it finds.
GPU_CONSTANT uint32_t kTopKSlice = 1024;
GPU_CONSTANT uint32_t kMaxTopK = 128;

}  // namespace gpu
}  // namespace openelm
