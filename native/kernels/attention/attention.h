#pragma once

// Causal grouped-query attention over the kv cache of one layer and one sequence:
//   out[t][h] = softmax(q[t][h] · K[0..pos]ᵀ / √head_dim) · V[0..pos], pos = first_pos + t.
// Blocked implementations keep a running maximum and sum (Dao et al., FlashAttention, arXiv 2205.14135), so
// that no tokens × positions matrix exists.

#include <cstddef>
#include <cstdint>

#include "quant/kv_type.h"

namespace openelm {

/// Keys and values of one layer of one sequence: [kv_heads][n_ctx][head_dim] each, so that a head's positions
/// are contiguous. Rows are kv_row_bytes apart.
struct KvLayer {
  KvType type;
  size_t n_ctx;
  const uint8_t* k;
  const uint8_t* v;
};

struct AttentionArgs {
  const float* q;  // [tokens][ldq], head h of token t at q[t * ldq + h * head_dim]; after q_norm and RoPE
  size_t ldq;
  KvLayer kv;
  size_t first_pos;  // position of token 0; keys and values up to first_pos + tokens - 1 are in the cache
  size_t heads, kv_heads, head_dim;
  // The part this call computes: query heads and tokens. kv head of query head h is h / (heads / kv_heads).
  size_t head_begin, head_end;
  size_t token_begin, token_end;
  float* out;  // [tokens][ldo], as q
  size_t ldo;
  void* scratch;  // scratch_bytes, private to the calling thread, 64-byte aligned
};

struct AttentionImpl {
  /// `positions`: the largest number of cache positions a call attends to; `tokens`, `heads`: its largest
  /// ranges.
  size_t (*scratch_bytes)(size_t positions, size_t tokens, size_t heads, size_t head_dim);
  void (*run)(const AttentionArgs& args);
  /// Tokens worth giving to one call in prefill: the unit in which work is split between threads.
  size_t token_tile;
  /// Largest relative error of weight · value from rounding both to fewer bits than f32's; 0 where they are
  /// f32.
  float rounding = 0;
};

}  // namespace openelm
