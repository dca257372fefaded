#pragma once

// Blocks of cached keys and values, shared by the avx512 and amx variants.

#include "kernels/attention/attention.h"
#include "kernels/simd/zmm.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

/// Positions of a block of keys and values. Blocks begin at multiples of it, so that sums over a token's
/// positions are taken in the same order in whatever batch the token comes.
constexpr size_t kPositions = 64;

/// Scores carry a factor log2(e), which is in the queries already, so that weights are powers of two. A
/// running maximum follows the scores only when they exceed it by more than this power of two. Weights then
/// reach 256 instead of 1, which costs no accuracy, and after the first block sums are hardly ever rescaled.
constexpr float kSlack = 8;

/// Elements i .. i + 15 of a cached vector; i is a multiple of 16.
template <KvType type>
inline __m512 load16(const uint8_t* row, size_t i) {
  if constexpr (type == KvType::f32) {
    return _mm512_loadu_ps(row + 4 * i);
  } else if constexpr (type == KvType::f16) {
    return _mm512_cvtph_ps(load_i256(row + 2 * i));
  } else {
    const uint8_t* block = row + i / kGroup * sizeof(BlockQ8_0);
    const __m512i q = _mm512_cvtepi8_epi32(load_i128(block + 2 + i % kGroup));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(half_at(block)));
  }
}

/// Positions [first, first + n) of one head's cache.
struct Block {
  const uint8_t *k, *v;  // row of position `first`
  size_t stride, first, n;
  size_t next;  // positions of the block after it
};

}  // namespace
}  // namespace openelm
