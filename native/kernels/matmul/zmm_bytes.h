#pragma once

// Block formats as the 8-bit panels see them: groups of 32 columns as unsigned bytes in natural order, weight
// = scale[group] · (byte - kConstant) + offset[group].
//
// A format has open(row, block, groups), which reads the scales of column block `block`, and group(g). Of the
// formats in zmm_formats.h these are the ones whose scales serve 32 columns; Q6_K, Q3_K and Q2_K have one for
// 16, whose product with the integers does not fit a byte.

#include "kernels/matmul/zmm_formats.h"

namespace openelm {
namespace {

/// Adds to `format`'s scales what the bytes need: a constant, and group(g).
struct BytesQ8_0 : Q8_0 {
  static constexpr int kConstant = 128;
  __m256i group(size_t g) const { return _mm256_xor_si256(load_i256(at(g) + 2), _mm256_set1_epi8(-128)); }
};

struct BytesQ4_0 : Q4_0Centered {
  static constexpr int kConstant = 8;
  __m256i group(size_t g) const { return nibble_bytes(at(g) + 2); }
};

struct BytesQ4_1 : Q4_1 {
  static constexpr int kConstant = 0;
  __m256i group(size_t g) const { return nibble_bytes(at(g) + 4); }
};

/// 16 in the bytes whose bits are set.
inline __m256i fifth_bytes(uint32_t bits) {
  return _mm256_maskz_set1_epi8(bits, 16);
}

struct BytesQ5_0 : Q5_0 {
  static constexpr int kConstant = 16;
  __m256i group(size_t g) const {
    return _mm256_or_si256(nibble_bytes(at(g) + 6), fifth_bytes(load_u32(at(g) + 2)));
  }
};

struct BytesQ5_1 : Q5_1 {
  static constexpr int kConstant = 0;
  __m256i group(size_t g) const {
    return _mm256_or_si256(nibble_bytes(at(g) + 8), fifth_bytes(load_u32(at(g) + 4)));
  }
};

struct BytesIQ4_NL : IQ4_NL {
  static constexpr int kConstant = 128;
  __m256i group(size_t g) const {
    const __m256i levels = _mm256_broadcastsi128_si256(load_i128(kIq4Values));
    return _mm256_xor_si256(_mm256_shuffle_epi8(levels, nibble_bytes(at(g) + 2)), _mm256_set1_epi8(-128));
  }
};

/// Nibbles of group g of a super-block, whose pairs of groups share 32 bytes.
inline __m256i super_nibbles(const uint8_t* p, size_t g) {
  const __m256i pair = load_i256(p + g / 2 * 32);
  return _mm256_and_si256(g % 2 ? _mm256_srli_epi16(pair, 4) : pair, _mm256_set1_epi8(15));
}

struct BytesQ4_K : Q4_K {
  static constexpr int kConstant = 0;
  __m256i group(size_t g) const { return super_nibbles(p + 16, g); }
};

struct BytesQ5_K : Q5_K {
  static constexpr int kConstant = 0;
  __m256i group(size_t g) const {
    const __m256i bit = _mm256_set1_epi8(static_cast<char>(1 << g));
    return _mm256_or_si256(super_nibbles(p + 48, g),
                           fifth_bytes(_mm256_test_epi8_mask(load_i256(p + 16), bit)));
  }
};

}  // namespace
}  // namespace openelm
