#pragma once

// Block formats as the integer kernels see them: up to 8 groups of 32 columns, an element being
// scale[group] · integer + offset[group]. Layouts: quant/blocks.h.
//
// A format has open(row, block, groups), which reads the scales of column block `block`, and group(g, q),
// which gives a group's 32 integers in order. kOffset: whether offsets are used.

#include "kernels/matmul/avx2_pack.h"
#include "quant/blocks.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

/// The f16 values `stride` bytes apart, as f32; zero beyond `groups`.
template <size_t stride>
inline __m256 halves(const uint8_t* p, size_t groups) {
  uint16_t h[kBlockGroups] = {};
  if (groups == kBlockGroups) {
    for (size_t g = 0; g < kBlockGroups; ++g) __builtin_memcpy(h + g, p + g * stride, 2);
  } else {
    for (size_t g = 0; g < groups; ++g) __builtin_memcpy(h + g, p + g * stride, 2);
  }
  return _mm256_cvtph_ps(_mm_setr_epi16(static_cast<short>(h[0]), static_cast<short>(h[1]),
                                        static_cast<short>(h[2]), static_cast<short>(h[3]),
                                        static_cast<short>(h[4]), static_cast<short>(h[5]),
                                        static_cast<short>(h[6]), static_cast<short>(h[7])));
}

/// Eight bytes as f32.
inline __m256 bytes_to_f32(uint64_t bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))));
}

/// Low and high nibbles of 16 bytes, as i16: elements 0..15 and 16..31 of the simple formats.
inline void nibbles(const uint8_t* p, __m256i q[2]) {
  const __m256i v = _mm256_cvtepu8_epi16(load_i128(p));
  q[0] = _mm256_and_si256(v, _mm256_set1_epi16(15));
  q[1] = _mm256_srli_epi16(v, 4);
}

/// 16 where bit i of the mask is set, for 16 elements from bit `first`.
inline __m256i fifth_bits(uint32_t mask, int first) {
  const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384,
                                        static_cast<short>(0x8000));
  const __m256i set = _mm256_and_si256(_mm256_set1_epi16(static_cast<short>(mask >> first)), bit);
  return _mm256_and_si256(_mm256_cmpeq_epi16(set, bit), _mm256_set1_epi16(16));
}

template <class Block>
struct Simple {
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t groups) {
    p = row + block * kBlockGroups * sizeof(Block);
    scale = halves<sizeof(Block)>(p, groups);
  }
  const uint8_t* at(size_t g) const { return p + g * sizeof(Block); }
};

struct Q8_0 : Simple<BlockQ8_0> {
  static constexpr bool kOffset = false;
  void group(size_t g, __m256i q[2]) const {
    q[0] = _mm256_cvtepi8_epi16(load_i128(at(g) + 2));
    q[1] = _mm256_cvtepi8_epi16(load_i128(at(g) + 18));
  }
};

/// Q4_0 with its -8 as an offset: cheaper where every group is unpacked for few tokens.
struct Q4_0 : Simple<BlockQ4_0> {
  static constexpr bool kOffset = true;
  void open(const uint8_t* row, size_t block, size_t groups) {
    Simple::open(row, block, groups);
    offset = _mm256_mul_ps(scale, _mm256_set1_ps(-8.0f));
  }
  void group(size_t g, __m256i q[2]) const { nibbles(at(g) + 2, q); }
};

/// Q4_0 with its -8 in the integers.
struct Q4_0Centered : Simple<BlockQ4_0> {
  static constexpr bool kOffset = false;
  void group(size_t g, __m256i q[2]) const {
    nibbles(at(g) + 2, q);
    for (size_t i = 0; i < 2; ++i) q[i] = _mm256_sub_epi16(q[i], _mm256_set1_epi16(8));
  }
};

struct Q4_1 : Simple<BlockQ4_1> {
  static constexpr bool kOffset = true;
  void open(const uint8_t* row, size_t block, size_t groups) {
    Simple::open(row, block, groups);
    offset = halves<sizeof(BlockQ4_1)>(p + 2, groups);
  }
  void group(size_t g, __m256i q[2]) const { nibbles(at(g) + 4, q); }
};

struct Q5_0 : Simple<BlockQ5_0> {
  static constexpr bool kOffset = false;
  void group(size_t g, __m256i q[2]) const {
    nibbles(at(g) + 6, q);
    const uint32_t mask = load_u32(at(g) + 2);
    // The fifth bit is worth 16, and 16 is what all are reduced by: without the bit, subtract; with it,
    // nothing.
    q[0] = _mm256_sub_epi16(q[0], fifth_bits(~mask, 0));
    q[1] = _mm256_sub_epi16(q[1], fifth_bits(~mask, 16));
  }
};

struct Q5_1 : Simple<BlockQ5_1> {
  static constexpr bool kOffset = true;
  void open(const uint8_t* row, size_t block, size_t groups) {
    Simple::open(row, block, groups);
    offset = halves<sizeof(BlockQ5_1)>(p + 2, groups);
  }
  void group(size_t g, __m256i q[2]) const {
    nibbles(at(g) + 8, q);
    const uint32_t mask = load_u32(at(g) + 4);
    q[0] = _mm256_or_si256(q[0], fifth_bits(mask, 0));
    q[1] = _mm256_or_si256(q[1], fifth_bits(mask, 16));
  }
};

struct IQ4_NL : Simple<BlockIQ4_NL> {
  static constexpr bool kOffset = false;
  void group(size_t g, __m256i q[2]) const {
    const __m128i v = load_i128(at(g) + 2), mask = _mm_set1_epi8(15), levels = load_i128(kIq4Values);
    q[0] = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(levels, _mm_and_si128(v, mask)));
    q[1] = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(levels, _mm_and_si128(_mm_srli_epi16(v, 4), mask)));
  }
};

/// Scales and minima of Q4_K and Q5_K: eight of 6 bits each in 12 bytes.
inline void open_k(const uint8_t* p, __m256* scale, __m256* offset) {
  const uint32_t a = load_u32(p + 4), b = load_u32(p + 8), c = load_u32(p + 12);
  const uint64_t scale_high = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
  const uint64_t min_high = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
  const uint64_t scales = (a & 0x3f3f3f3f) | (scale_high << 32);
  const uint64_t minima = (b & 0x3f3f3f3f) | (min_high << 32);
  *scale = _mm256_mul_ps(bytes_to_f32(scales), _mm256_set1_ps(half_at(p)));
  *offset = _mm256_mul_ps(bytes_to_f32(minima), _mm256_set1_ps(-half_at(p + 2)));
}

struct Q4_K {
  static constexpr bool kOffset = true;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ4_K);
    open_k(p, &scale, &offset);
  }
  void group(size_t g, __m256i q[2]) const {
    const int shift = g % 2 ? 4 : 0;
    for (size_t i = 0; i < 2; ++i) {
      const __m256i v = _mm256_cvtepu8_epi16(load_i128(p + 16 + g / 2 * 32 + 16 * i));
      q[i] = _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi16(15));
    }
  }
};

struct Q5_K {
  static constexpr bool kOffset = true;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ5_K);
    open_k(p, &scale, &offset);
  }
  void group(size_t g, __m256i q[2]) const {
    const int shift = g % 2 ? 4 : 0;
    for (size_t i = 0; i < 2; ++i) {
      const __m256i v = _mm256_cvtepu8_epi16(load_i128(p + 48 + g / 2 * 32 + 16 * i));
      const __m256i high = _mm256_slli_epi16(_mm256_cvtepu8_epi16(load_i128(p + 16 + 16 * i)), 4);
      const __m256i fifth =
          _mm256_and_si256(_mm256_srli_epi16(high, static_cast<int>(g)), _mm256_set1_epi16(16));
      q[i] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi16(15)), fifth);
    }
  }
};

/// Scales of 16 elements are folded into the integers: |scale · (q - 32)| ≤ 4096.
struct Q6_K {
  static constexpr bool kOffset = false;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ6_K);
    scale = _mm256_set1_ps(half_at(p + 208));
  }
  void group(size_t g, __m256i q[2]) const {
    const size_t half = g / 4, quarter = g % 4;
    for (size_t i = 0; i < 2; ++i) {
      const __m256i low = _mm256_cvtepu8_epi16(load_i128(p + 64 * half + 32 * (quarter % 2) + 16 * i));
      const __m256i high = _mm256_cvtepu8_epi16(load_i128(p + 128 + 32 * half + 16 * i));
      const __m256i four =
          _mm256_and_si256(_mm256_srli_epi16(low, quarter / 2 ? 4 : 0), _mm256_set1_epi16(15));
      const __m256i two =
          _mm256_and_si256(_mm256_srli_epi16(_mm256_slli_epi16(high, 4), static_cast<int>(2 * quarter)),
                           _mm256_set1_epi16(48));
      const int8_t s = static_cast<int8_t>(p[192 + 2 * g + i]);
      q[i] = _mm256_mullo_epi16(_mm256_sub_epi16(_mm256_or_si256(four, two), _mm256_set1_epi16(32)),
                                _mm256_set1_epi16(s));
    }
  }
};

/// As Q6_K: |scale · (q - 4)| ≤ 128.
struct Q3_K {
  static constexpr bool kOffset = false;
  const uint8_t* p;
  __m256 scale, offset;
  int8_t scales[16];

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ3_K);
    scale = _mm256_set1_ps(half_at(p + 108));
    unpack_q3_scales(p + 96, scales);
  }
  void group(size_t g, __m256i q[2]) const {
    for (size_t i = 0; i < 2; ++i) {
      const __m256i low = _mm256_cvtepu8_epi16(load_i128(p + 32 + 32 * (g / 4) + 16 * i));
      const __m256i high = _mm256_slli_epi16(_mm256_cvtepu8_epi16(load_i128(p + 16 * i)), 2);
      const __m256i two =
          _mm256_and_si256(_mm256_srli_epi16(low, static_cast<int>(2 * (g % 4))), _mm256_set1_epi16(3));
      const __m256i third =
          _mm256_and_si256(_mm256_srli_epi16(high, static_cast<int>(g)), _mm256_set1_epi16(4));
      q[i] = _mm256_mullo_epi16(_mm256_sub_epi16(_mm256_or_si256(two, third), _mm256_set1_epi16(4)),
                                _mm256_set1_epi16(scales[2 * g + i]));
    }
  }
};

}  // namespace
}  // namespace openelm
