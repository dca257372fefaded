#pragma once

// Activations as 15-bit integers: x ≈ a · s with |a| ≤ 16383 and one scale for 256 columns of a token.
//
// vpmaddwd multiplies i16 by i16 and adds pairs in i32, exactly. A group of 32 products stays within i32 for
// every weight type: the largest integers are those of Q6_K with its 8-bit scale folded in, 128 · 32 = 4096,
// and 4096 · 16383 · 32 = 2147352576 < 2^31.
//
// Layout: [column block][token][256 (the last block: what is left)] i16, then [column block][token] scales,
// then [column block][token][8] sums of the integers of each group of 32, as f32 (exact: 32 · 16383 < 2^24).

#include "kernels/simd/avx2.h"

namespace openelm {
namespace {

constexpr size_t kColumnBlock = 256;
constexpr size_t kGroupColumns = 32;
constexpr size_t kBlockGroups = kColumnBlock / kGroupColumns;

/// The packed activations of a matmul, by pointer.
struct Integers {
  int16_t* values;
  float *scales, *sums;
  size_t tokens, cols;

  Integers(const void* packed, size_t tokens, size_t cols) : tokens(tokens), cols(cols) {
    values = const_cast<int16_t*>(static_cast<const int16_t*>(packed));
    scales = reinterpret_cast<float*>(values + tokens * cols);
    sums = scales + (tokens * blocks() + 15) / 16 * 16;
  }

  static size_t bytes(size_t tokens, size_t cols) {
    const size_t blocks = (cols + kColumnBlock - 1) / kColumnBlock;
    return tokens * cols * 2 + (tokens * blocks + 15) / 16 * 64 + tokens * blocks * kBlockGroups * 4;
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

/// Largest magnitude of n values; NaN counts as larger than everything. n is a multiple of 32.
inline float largest_magnitude(const float* x, size_t n) {
  // As integers, magnitudes of floats are in order and NaN comes last.
  const __m256i mask = _mm256_set1_epi32(0x7fffffff);
  __m256i largest[4] = {};
  for (size_t i = 0; i < n; i += kGroupColumns)
    for (size_t j = 0; j < 4; ++j)
      largest[j] = _mm256_max_epu32(largest[j], _mm256_and_si256(load_i256(x + i + 8 * j), mask));
  const __m256i m =
      _mm256_max_epu32(_mm256_max_epu32(largest[0], largest[1]), _mm256_max_epu32(largest[2], largest[3]));
  __m128i s = _mm_max_epu32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
  s = _mm_max_epu32(s, _mm_unpackhi_epi64(s, s));
  s = _mm_max_epu32(s, _mm_srli_epi64(s, 32));
  return _mm_cvtss_f32(_mm_castsi128_ps(s));
}

inline void pack_block(const float* x, size_t n, int16_t* values, float* scale, float* sums) {
  constexpr float kRange = 16383.0f;
  // Below this the inverse of the scale would overflow; such a block is zero for every purpose.
  constexpr float kSmallest = 0x1p-110f;
  const float largest = largest_magnitude(x, n);
  *scale = largest < kSmallest ? 0.0f : largest / kRange;
  const __m256 inverse = _mm256_set1_ps(largest < kSmallest ? 0.0f : kRange / largest);
  const __m256i ones = _mm256_set1_epi16(1);
  _mm256_storeu_ps(sums, _mm256_setzero_ps());
  for (size_t g = 0; g < n / kGroupColumns; ++g) {
    __m256i q[4];
    for (size_t j = 0; j < 4; ++j)
      q[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + g * kGroupColumns + 8 * j), inverse));
    const __m256i a = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xd8);
    const __m256i b = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[2], q[3]), 0xd8);
    _mm256_store_si256(reinterpret_cast<__m256i*>(values + g * kGroupColumns), a);
    _mm256_store_si256(reinterpret_cast<__m256i*>(values + g * kGroupColumns + 16), b);
    const __m256i pairs = _mm256_add_epi32(_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones));
    sums[g] = sum_of(_mm256_cvtepi32_ps(pairs));
  }
}

void pack_integers(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                   void* packed) {
  const Integers a(packed, tokens, cols);
  for (size_t t = first; t < last; ++t)
    for (size_t b = 0; b < a.blocks(); ++b)
      pack_block(x + t * ldx + b * kColumnBlock, a.width(b), a.at(b, t), a.scale(b, t), a.sum(b, t));
}

}  // namespace
}  // namespace openelm
