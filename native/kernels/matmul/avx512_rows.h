#pragma once

// Weight rows as integers of one scale for 128 columns: w ≈ W · s, |W| ≤ 4096.
//
// A format's group scale a is turned into a 16-bit factor relative to the largest one of the 128 columns, and
// vpmulhrsw (product of 16 bits, shifted right by 15, rounded) applies it: 3 instructions a group beside
// unpacking. W is within 0.6 (without offsets) or 1.3 (with) of exact.

#include "kernels/matmul/avx512_pack.h"

namespace openelm {
namespace {

constexpr size_t kScaleColumns = 128;
constexpr size_t kScaleGroups = kScaleColumns / kGroupColumns;

/// How a format's integers become W. kShift: integers are shifted left by this many bits before the factor is
/// applied. kTop: largest integer of formats with offsets. kExact: the scale is the same for 256 columns.
template <class Format>
struct Fold;
template <>
struct Fold<Q8_0> {
  static constexpr int kShift = 5;
  static constexpr bool kExact = false;
};
template <>
struct Fold<Q4_0Centered> {
  static constexpr int kShift = 9;
  static constexpr bool kExact = false;
};
template <>
struct Fold<Q5_0> {
  static constexpr int kShift = 8;
  static constexpr bool kExact = false;
};
template <>
struct Fold<IQ4_NL> {
  static constexpr int kShift = 5;
  static constexpr bool kExact = false;
};
template <>
struct Fold<Q6_K> {
  static constexpr int kShift = 0;
  static constexpr bool kExact = true;
};
template <>
struct Fold<Q3_K> {
  static constexpr int kShift = 5;
  static constexpr bool kExact = true;
};
struct FoldNibbles {
  static constexpr int kShift = 10, kTop = 15;
  static constexpr bool kExact = false;
};
struct FoldFiveBits {
  static constexpr int kShift = 9, kTop = 31;
  static constexpr bool kExact = false;
};
template <>
struct Fold<Q4_1> : FoldNibbles {};
template <>
struct Fold<Q4_K> : FoldNibbles {};
template <>
struct Fold<Q5_1> : FoldFiveBits {};
template <>
struct Fold<Q5_K> : FoldFiveBits {};

inline __m256 magnitude(__m256 v) {
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff)));
}

/// The largest of four lanes, in all of them, for both halves: as integers, so that NaN is the largest.
inline __m256 largest_of_four(__m256 magnitudes) {
  __m256i v = _mm256_castps_si256(magnitudes);
  v = _mm256_max_epi32(v, _mm256_shuffle_epi32(v, 0x4e));
  v = _mm256_max_epi32(v, _mm256_shuffle_epi32(v, 0xb1));
  return _mm256_castsi256_ps(v);
}

/// numerator / v, 0 where v is too small to have an inverse.
inline __m256 divide(float numerator, __m256 v) {
  const __m256 usable = _mm256_cmp_ps(v, _mm256_set1_ps(0x1p-100f), _CMP_NLT_UQ);
  return _mm256_and_ps(usable, _mm256_div_ps(_mm256_set1_ps(numerator), v));
}

/// Eight values as i16 in memory, to be broadcast from there.
inline void store_words(__m256 v, int16_t out[kBlockGroups]) {
  const __m256i words = _mm256_cvtps_epi32(v);
  const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_store_si128(reinterpret_cast<__m128i*>(out), packed);
#if defined(__GNUC__)
  // Else the compiler takes the values out of the register one by one, which takes three instructions each.
  __asm__("" : "+m"(*reinterpret_cast<int16_t(*)[kBlockGroups]>(out)));
#endif
}

/// The two scales of 256 columns.
inline void store_scales(__m256 unit, float* first, float* second) {
  *first = _mm256_cvtss_f32(unit);
  *second = _mm_cvtss_f32(_mm256_extractf128_ps(unit, 1));
}

/// Column block `block` (256 columns, `groups` of 32 in use) of a row: 128 integers to `first` and `second`
/// each, and their scales. A null row is zero.
template <class Format>
inline void expand_row(const uint8_t* row, size_t block, size_t groups, int16_t* first, int16_t* second,
                       float* first_scale, float* second_scale) {
  using Rule = Fold<Format>;
  const auto at = [&](size_t g) {
    return g < kScaleGroups ? first + g * kGroupColumns : second + (g - kScaleGroups) * kGroupColumns;
  };
  if (!row) {
    for (size_t g = 0; g < groups; ++g) _mm512_storeu_si512(at(g), _mm512_setzero_si512());
    *first_scale = *second_scale = 0;
    return;
  }
  Format format;
  format.open(row, block, groups);
  if constexpr (Rule::kExact) {
    for (size_t g = 0; g < groups; ++g)
      _mm512_storeu_si512(at(g), _mm512_slli_epi16(format.group(g), Rule::kShift));
    store_scales(_mm256_mul_ps(format.scale, _mm256_set1_ps(1.0f / (1 << Rule::kShift))), first_scale,
                 second_scale);
    return;
  }
  alignas(16) int16_t factors[kBlockGroups], offsets[kBlockGroups];
  if constexpr (Format::kOffset) {
    // The largest weight possible: that of the smallest or of the largest integer.
    const __m256 top = _mm256_fmadd_ps(format.scale, _mm256_set1_ps(Rule::kTop), format.offset);
    const __m256i either =
        _mm256_max_epi32(_mm256_castps_si256(magnitude(top)), _mm256_castps_si256(magnitude(format.offset)));
    const __m256 largest = largest_of_four(_mm256_castsi256_ps(either));
    const __m256 inverse = divide(4094.0f, largest);
    const __m256 factor = _mm256_mul_ps(_mm256_mul_ps(format.scale, inverse),
                                        _mm256_set1_ps(static_cast<float>(1 << (15 - Rule::kShift))));
    store_words(factor, factors);
    store_words(_mm256_mul_ps(format.offset, inverse), offsets);
    store_scales(_mm256_mul_ps(largest, _mm256_set1_ps(1.0f / 4094)), first_scale, second_scale);
  } else {
    const __m256 largest = largest_of_four(magnitude(format.scale));
    const __m256 factor = _mm256_mul_ps(format.scale, divide(32767.0f, largest));
    store_words(factor, factors);
    store_scales(_mm256_mul_ps(largest, _mm256_set1_ps(32768.0f / 32767 / (1 << Rule::kShift))), first_scale,
                 second_scale);
  }
  const auto fold = [&](size_t g) {
    __m512i q = _mm512_slli_epi16(format.group(g), Rule::kShift);
    q = _mm512_mulhrs_epi16(q, _mm512_set1_epi16(factors[g]));
    if constexpr (Format::kOffset) q = _mm512_add_epi16(q, _mm512_set1_epi16(offsets[g]));
    _mm512_storeu_si512(at(g), q);
  };
  if (groups == kBlockGroups) {
#pragma GCC unroll 8
    for (size_t g = 0; g < kBlockGroups; ++g) fold(g);
  } else {
    for (size_t g = 0; g < groups; ++g) fold(g);
  }
}

}  // namespace
}  // namespace openelm
