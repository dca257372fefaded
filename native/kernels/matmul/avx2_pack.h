#pragma once

// Activations as 15-bit integers: x ≈ a · s with |a| ≤ 16383 and one scale for 256 columns of a token.
//
// vpmaddwd multiplies i16 by i16 and adds pairs in i32, exactly. A group of 32 products stays within i32 for
// every weight type: the largest integers are those of Q6_K with its 8-bit scale folded in, 128 · 32 = 4096,
// and 4096 · 16383 · 32 = 2147352576 < 2^31.
//
// Layout: [column block][token] Wide or Planes; the last block is filled up with zeros.

#include "kernels/simd/avx2.h"

namespace openelm {
namespace {

constexpr size_t kColumnBlock = 256;
constexpr size_t kGroupColumns = 32;
constexpr size_t kBlockGroups = kColumnBlock / kGroupColumns;

/// A token's activations of one column block. Sums are those of each group of 32 times the scale: what an
/// offset of the group's weights is multiplied by.
struct alignas(32) Wide {
  int16_t values[kColumnBlock];
  float sums[kBlockGroups];
  float scale;
};

/// The same, of every four columns the middle ones exchanged: as panels of weights have them.
struct Crossed : Wide {};

/// The same as two planes of bytes, x = 128 · high + low with 0 ≤ low < 128, for vpmaddubsw with weights of
/// up to 4 bits. One vector holds 16 columns of group g and 16 of group g + 4: [g][columns 0-15, 16-31 high,
/// 0-15, 16-31 low][two groups × 16].
struct alignas(32) Planes {
  int8_t values[kBlockGroups / 2][4][kGroupColumns];
  float sums[kBlockGroups];
  float scale;
};

/// Two planes in the order of columns: [group][high, low][column].
struct alignas(32) OrderedPlanes {
  int8_t values[kBlockGroups][2][kGroupColumns];
  float sums[kBlockGroups];
  float scale;
};

/// The packed activations of a matmul, by pointer.
template <class Packed>
struct Activation {
  Packed* data;
  size_t tokens, cols;

  Activation(const void* packed, size_t tokens, size_t cols)
      : data(const_cast<Packed*>(static_cast<const Packed*>(packed))), tokens(tokens), cols(cols) {}

  size_t blocks() const { return (cols + kColumnBlock - 1) / kColumnBlock; }
  /// Groups of a block.
  size_t groups(size_t block) const {
    return min_of(kColumnBlock, cols - block * kColumnBlock) / kGroupColumns;
  }
  Packed* at(size_t block, size_t token) const { return data + block * tokens + token; }

  static size_t bytes(size_t tokens, size_t cols) {
    return tokens * ((cols + kColumnBlock - 1) / kColumnBlock) * sizeof(Packed);
  }
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

/// n columns as integers in order, and the block's sums and scale.
inline void to_integers(const float* x, size_t n, int16_t* values, float* sums, float* scale) {
  constexpr float kRange = 16383.0f;
  // Below this the inverse of the scale would overflow; such a block is zero for every purpose.
  constexpr float kSmallest = 0x1p-110f;
  const float largest = largest_magnitude(x, n);
  *scale = largest < kSmallest ? 0.0f : largest / kRange;
  const __m256 inverse = _mm256_set1_ps(largest < kSmallest ? 0.0f : kRange / largest);
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t g = 0; g < kBlockGroups; ++g) {
    __m256i* dst = reinterpret_cast<__m256i*>(values + g * kGroupColumns);
    if (g * kGroupColumns >= n) {
      _mm256_store_si256(dst, _mm256_setzero_si256());
      _mm256_store_si256(dst + 1, _mm256_setzero_si256());
      sums[g] = 0;
      continue;
    }
    __m256i q[4];
    for (size_t j = 0; j < 4; ++j)
      q[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + g * kGroupColumns + 8 * j), inverse));
    const __m256i a = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xd8);
    const __m256i b = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[2], q[3]), 0xd8);
    _mm256_store_si256(dst, a);
    _mm256_store_si256(dst + 1, b);
    const __m256i pairs = _mm256_add_epi32(_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones));
    // 32 · 16383 < 2^24: exact.
    sums[g] = sum_of(_mm256_cvtepi32_ps(pairs)) * *scale;
  }
}

inline void pack_block(const float* x, size_t n, Wide* packed) {
  to_integers(x, n, packed->values, packed->sums, &packed->scale);
}

inline void pack_block(const float* x, size_t n, Crossed* packed) {
  to_integers(x, n, packed->values, packed->sums, &packed->scale);
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  for (size_t i = 0; i < kColumnBlock; i += 16) {
    __m256i* v = reinterpret_cast<__m256i*>(packed->values + i);
    _mm256_store_si256(v, _mm256_shuffle_epi8(_mm256_load_si256(v), order));
  }
}

/// The planes of 16 + 16 integers.
inline void store_planes(const int16_t* first, const int16_t* second, int8_t* high, int8_t* low) {
  const __m256i a = load_i256(first), b = load_i256(second), mask = _mm256_set1_epi16(127);
  const __m256i h = _mm256_packs_epi16(_mm256_srai_epi16(a, 7), _mm256_srai_epi16(b, 7));
  const __m256i l = _mm256_packs_epi16(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask));
  _mm256_store_si256(reinterpret_cast<__m256i*>(high), _mm256_permute4x64_epi64(h, 0xd8));
  _mm256_store_si256(reinterpret_cast<__m256i*>(low), _mm256_permute4x64_epi64(l, 0xd8));
}

inline void pack_block(const float* x, size_t n, Planes* packed) {
  alignas(32) int16_t values[kColumnBlock];
  to_integers(x, n, values, packed->sums, &packed->scale);
  for (size_t g = 0; g < kBlockGroups / 2; ++g)
    for (size_t half = 0; half < 2; ++half) {
      const int16_t* v = values + g * kGroupColumns + 16 * half;
      store_planes(v, v + kColumnBlock / 2, packed->values[g][half], packed->values[g][2 + half]);
    }
}

inline void pack_block(const float* x, size_t n, OrderedPlanes* packed) {
  alignas(32) int16_t values[kColumnBlock];
  to_integers(x, n, values, packed->sums, &packed->scale);
  for (size_t g = 0; g < kBlockGroups; ++g) {
    const int16_t* v = values + g * kGroupColumns;
    store_planes(v, v + 16, packed->values[g][0], packed->values[g][1]);
  }
}

template <class Packed>
void pack_activations(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                      void* packed) {
  const Activation<Packed> a(packed, tokens, cols);
  for (size_t t = first; t < last; ++t)
    for (size_t b = 0; b < a.blocks(); ++b)
      pack_block(x + (t - first) * ldx + b * kColumnBlock, a.groups(b) * kGroupColumns, a.at(b, t));
}

}  // namespace
}  // namespace openelm
