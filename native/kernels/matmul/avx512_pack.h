#pragma once

// Activations as 15-bit integers: x ≈ a · s with |a| ≤ 16383 and one scale for 256 columns of a token.
//
// vpdpwssd multiplies i16 by i16 and adds pairs to i32. Accumulated over a group of 32 columns it stays
// within i32 for every weight type: the largest integers are those of Q6_K with its 8-bit scale folded in,
// 128 · 32 = 4096, and 4096 · 16383 · 32 = 2147352576 < 2^31. After a group sums are converted to f32 and
// scaled.
//
// Two planes of int8 with vpdpbusd would need the same two dot products for 64 columns as this needs for 2 ·
// 32, plus weights made unsigned, a shift to join the planes and a correction; so 16 bits are the cheaper
// form.
//
// Layout: [column block][token][256 (the last block: what is left)] i16, then [column block][token] scales,
// then [column block][token][8] sums of the integers of each group of 32, as f32 (exact: 32 · 16383 < 2^24).

#include "kernels/matmul/zmm_formats.h"

namespace openelm {
namespace {

/// The packed activations of a matmul, by pointer.
struct Integers {
  int16_t* values;
  float *scales, *sums;
  size_t tokens, cols;

  Integers(const void* packed, size_t tokens, size_t cols) : tokens(tokens), cols(cols) {
    values = const_cast<int16_t*>(static_cast<const int16_t*>(packed));
    scales = reinterpret_cast<float*>(values + tokens * cols);
    sums = scales + round_up(tokens * blocks(), 16);
  }

  static size_t bytes(size_t tokens, size_t cols) {
    const size_t pairs = tokens * ((cols + kColumnBlock - 1) / kColumnBlock);
    return tokens * cols * sizeof(int16_t) + (round_up(pairs, 16) + pairs * kBlockGroups) * sizeof(float);
  }

  size_t blocks() const { return (cols + kColumnBlock - 1) / kColumnBlock; }
  /// Columns of a block.
  size_t width(size_t block) const { return min_of(kColumnBlock, cols - block * kColumnBlock); }
  int16_t* at(size_t block, size_t token) const {
    return values + block * kColumnBlock * tokens + token * width(block);
  }
  float* scale(size_t block, size_t token) const { return scales + block * tokens + token; }
  float* sum(size_t block, size_t token) const { return sums + (block * tokens + token) * kBlockGroups; }
};

/// 32 values times `inverse`, rounded to i16.
inline __m512i round_group(const float* x, __m512 inverse) {
  const __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse));
  const __m512i b = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), inverse));
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtsepi32_epi16(a)), _mm512_cvtsepi32_epi16(b), 1);
}

template <Order order>
void pack_block(const float* x, size_t n, int16_t* values, float* scale, float* sums) {
  constexpr float kRange = 16383.0f;
  // Below this the inverse of the scale would overflow; such a block is zero for every purpose.
  constexpr float kSmallest = 0x1p-110f;
  const float largest = largest_magnitude(x, n);
  *scale = largest < kSmallest ? 0.0f : largest / kRange;
  const __m512 inverse = _mm512_set1_ps(largest < kSmallest ? 0.0f : kRange / largest);
  _mm256_storeu_ps(sums, _mm256_setzero_ps());
  for (size_t g = 0; g < n / kGroupColumns; ++g) {
    const float* group = x + g * kGroupColumns;
    const __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(group), inverse));
    const __m512i b = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(group + 16), inverse));
    __m512i q =
        _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtsepi32_epi16(a)), _mm512_cvtsepi32_epi16(b), 1);
    if constexpr (order == Order::nibbles) q = _mm512_permutexvar_epi16(nibble_order(), q);
    _mm512_storeu_si512(values + g * kGroupColumns, q);
    sums[g] = sum_of(_mm512_cvtepi32_ps(_mm512_add_epi32(a, b)));
  }
}

template <Order order>
void pack_integers(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                   void* packed) {
  const Integers a(packed, tokens, cols);
  for (size_t t = first; t < last; ++t)
    for (size_t b = 0; b < a.blocks(); ++b)
      pack_block<order>(x + (t - first) * ldx + b * kColumnBlock, a.width(b), a.at(b, t), a.scale(b, t),
                        a.sum(b, t));
}

}  // namespace
}  // namespace openelm
