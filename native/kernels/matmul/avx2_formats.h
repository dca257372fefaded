#pragma once

// Block formats as the integer kernels see them: a block is 256 columns, 8 groups of 32, an element being
// scale[group] · integer + offset[group]. Layouts: quant/blocks.h.
//
// A format has kBytes, the bytes of a block; open(p), which reads a block's scales; bytes(g), a group's 32
// integers in order, as signed bytes; group(g, q), the same as i16, q[0] being the first 16. kOffset: whether
// offsets are used. kFine: bytes are yet to be multiplied by fine(i), an integer for each 16 columns; group
// has done it.

#include "kernels/matmul/avx2_pack.h"
#include "quant/blocks.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

/// The f16 values at p, p + stride… as f32. Reads 16 bytes at each.
template <size_t stride>
inline __m256 halves(const uint8_t* p) {
  __m128i pair[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i)
    pair[i] = _mm_unpacklo_epi16(load_i128(p + 2 * i * stride), load_i128(p + (2 * i + 1) * stride));
  return _mm256_cvtph_ps(
      _mm_unpacklo_epi64(_mm_unpacklo_epi32(pair[0], pair[1]), _mm_unpacklo_epi32(pair[2], pair[3])));
}

/// Eight bytes as f32.
inline __m256 bytes_to_f32(uint64_t bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))));
}

/// Low, then high nibbles of 16 bytes: the elements of the simple formats in order.
inline __m256i nibbles(const uint8_t* p) {
  const __m128i v = load_i128(p);
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(v), _mm_srli_epi16(v, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/// All ones in byte i where bit i of the mask is set.
inline __m256i bytes_of_bits(uint32_t mask) {
  const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(mask)), byte);
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

/// Signed bytes as i16.
inline void widen(__m256i bytes, __m256i q[2]) {
  q[0] = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes));
  q[1] = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(bytes, 1));
}

template <class B>
struct Simple {
  using Block = B;
  static constexpr size_t kBytes = kBlockGroups * sizeof(Block);
  static constexpr bool kFine = false;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* block) {
    p = block;
    scale = halves<sizeof(Block)>(p);
  }
  const uint8_t* at(size_t g) const { return p + g * sizeof(Block); }
};

struct Q8_0 : Simple<BlockQ8_0> {
  static constexpr bool kOffset = false;
  __m256i bytes(size_t g) const { return load_i256(at(g) + 2); }
  void group(size_t g, __m256i q[2]) const {
    q[0] = _mm256_cvtepi8_epi16(load_i128(at(g) + 2));
    q[1] = _mm256_cvtepi8_epi16(load_i128(at(g) + 18));
  }
};

struct Q4_0 : Simple<BlockQ4_0> {
  static constexpr bool kOffset = false;
  __m256i bytes(size_t g) const { return _mm256_sub_epi8(nibbles(at(g) + 2), _mm256_set1_epi8(8)); }
};

struct Q4_1 : Simple<BlockQ4_1> {
  static constexpr bool kOffset = true;
  void open(const uint8_t* block) {
    Simple::open(block);
    offset = halves<sizeof(BlockQ4_1)>(p + 2);
  }
  __m256i bytes(size_t g) const { return nibbles(at(g) + 4); }
};

struct Q5_0 : Simple<BlockQ5_0> {
  static constexpr bool kOffset = false;
  __m256i bytes(size_t g) const {
    // The fifth bit is worth 16, and 16 is what all are reduced by: without the bit, subtract; with it,
    // nothing.
    const __m256i reduced = _mm256_andnot_si256(bytes_of_bits(load_u32(at(g) + 2)), _mm256_set1_epi8(-16));
    return _mm256_or_si256(nibbles(at(g) + 6), reduced);
  }
  void group(size_t g, __m256i q[2]) const { widen(bytes(g), q); }
};

struct Q5_1 : Simple<BlockQ5_1> {
  static constexpr bool kOffset = true;
  void open(const uint8_t* block) {
    Simple::open(block);
    offset = halves<sizeof(BlockQ5_1)>(p + 2);
  }
  __m256i bytes(size_t g) const {
    const __m256i fifth = _mm256_and_si256(bytes_of_bits(load_u32(at(g) + 4)), _mm256_set1_epi8(16));
    return _mm256_or_si256(nibbles(at(g) + 8), fifth);
  }
  void group(size_t g, __m256i q[2]) const { widen(bytes(g), q); }
};

struct IQ4_NL : Simple<BlockIQ4_NL> {
  static constexpr bool kOffset = false;
  __m256i bytes(size_t g) const {
    const __m256i levels = _mm256_broadcastsi128_si256(load_i128(kIq4Values));
    return _mm256_shuffle_epi8(levels, nibbles(at(g) + 2));
  }
  void group(size_t g, __m256i q[2]) const { widen(bytes(g), q); }
};

/// Scales and minima of Q4_K and Q5_K, eight bytes each: 6 bits of them lie in 12 bytes.
struct KScales {
  uint64_t scales, minima;
};

inline KScales k_scales(const uint8_t* p) {
  const uint32_t a = load_u32(p + 4), b = load_u32(p + 8), c = load_u32(p + 12);
  const uint64_t scale_high = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
  const uint64_t min_high = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
  return {(a & 0x3f3f3f3f) | (scale_high << 32), (b & 0x3f3f3f3f) | (min_high << 32)};
}

inline void open_k(const uint8_t* p, __m256* scale, __m256* offset) {
  const KScales k = k_scales(p);
  *scale = _mm256_mul_ps(bytes_to_f32(k.scales), _mm256_set1_ps(half_at(p)));
  *offset = _mm256_mul_ps(bytes_to_f32(k.minima), _mm256_set1_ps(-half_at(p + 2)));
}

/// Nibbles of sub-block g: of 32 bytes the low ones are an even sub-block, the high ones the next.
inline __m256i nibbles_k(const uint8_t* p, size_t g) {
  const __m256i v = load_i256(p + g / 2 * 32);
  return _mm256_and_si256(g % 2 ? _mm256_srli_epi16(v, 4) : v, _mm256_set1_epi8(15));
}

struct Q4_K {
  static constexpr size_t kBytes = sizeof(BlockQ4_K);
  static constexpr bool kOffset = true, kFine = false;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* block) {
    p = block;
    open_k(p, &scale, &offset);
  }
  __m256i bytes(size_t g) const { return nibbles_k(p + 16, g); }
};

struct Q5_K {
  static constexpr size_t kBytes = sizeof(BlockQ5_K);
  static constexpr bool kOffset = true, kFine = false;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* block) {
    p = block;
    open_k(p, &scale, &offset);
  }
  __m256i bytes(size_t g) const {
    // Bit g of each byte to bit 4.
    const __m256i high = load_i256(p + 16);
    const int shift = static_cast<int>(g);
    const __m256i fifth = g < 4 ? _mm256_slli_epi16(high, 4 - shift) : _mm256_srli_epi16(high, shift - 4);
    return _mm256_or_si256(nibbles_k(p + 48, g), _mm256_and_si256(fifth, _mm256_set1_epi8(16)));
  }
};

/// Multiplies each half of a group by its own integer.
template <class Format>
inline void group_of_fine(const Format& format, size_t g, __m256i q[2]) {
  widen(format.bytes(g), q);
  for (size_t i = 0; i < 2; ++i) q[i] = _mm256_mullo_epi16(q[i], _mm256_set1_epi16(format.fine(2 * g + i)));
}

/// |fine · byte| ≤ 128 · 32 = 4096.
struct Q6_K {
  static constexpr size_t kBytes = sizeof(BlockQ6_K);
  static constexpr bool kOffset = false, kFine = true;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* block) {
    p = block;
    scale = _mm256_set1_ps(half_at(p + 208));
  }
  int8_t fine(size_t i) const { return static_cast<int8_t>(p[192 + i]); }
  __m256i bytes(size_t g) const {
    const size_t half = g / 4, quarter = g % 4;
    const __m256i low = load_i256(p + 64 * half + 32 * (quarter % 2)), high = load_i256(p + 128 + 32 * half);
    const __m256i four =
        _mm256_and_si256(quarter / 2 ? _mm256_srli_epi16(low, 4) : low, _mm256_set1_epi8(15));
    const int shift = 2 * static_cast<int>(quarter);
    const __m256i two = shift < 4 ? _mm256_slli_epi16(high, 4 - shift) : _mm256_srli_epi16(high, shift - 4);
    const __m256i six = _mm256_or_si256(four, _mm256_and_si256(two, _mm256_set1_epi8(48)));
    return _mm256_sub_epi8(six, _mm256_set1_epi8(32));
  }
  void group(size_t g, __m256i q[2]) const { group_of_fine(*this, g, q); }
};

/// |fine · byte| ≤ 32 · 4 = 128.
struct Q3_K {
  static constexpr size_t kBytes = sizeof(BlockQ3_K);
  static constexpr bool kOffset = false, kFine = true;
  const uint8_t* p;
  __m256 scale, offset;
  int8_t scales[16];

  void open(const uint8_t* block) {
    p = block;
    scale = _mm256_set1_ps(half_at(p + 108));
    unpack_q3_scales(p + 96, scales);
  }
  int8_t fine(size_t i) const { return scales[i]; }
  __m256i bytes(size_t g) const {
    const int low_bit = 2 * static_cast<int>(g % 4), shift = static_cast<int>(g);
    const __m256i low = load_i256(p + 32 + 32 * (g / 4)), high = load_i256(p);
    const __m256i two = _mm256_and_si256(_mm256_srli_epi16(low, low_bit), _mm256_set1_epi8(3));
    const __m256i third = shift < 2 ? _mm256_slli_epi16(high, 2 - shift) : _mm256_srli_epi16(high, shift - 2);
    const __m256i three = _mm256_or_si256(two, _mm256_and_si256(third, _mm256_set1_epi8(4)));
    return _mm256_sub_epi8(three, _mm256_set1_epi8(4));
  }
  void group(size_t g, __m256i q[2]) const { group_of_fine(*this, g, q); }
};

/// Block b of a row, whole: where a row ends within it, a copy with zeros after (and zero scales).
template <class Format>
struct BlockReader {
  alignas(32) uint8_t copy[Format::kBytes + 16];

  const uint8_t* operator()(const uint8_t* row, size_t block, size_t groups) {
    const uint8_t* p = row + block * Format::kBytes;
    if (groups == kBlockGroups) return p;
    __builtin_memset(copy, 0, sizeof copy);
    __builtin_memcpy(copy, p, groups * (Format::kBytes / kBlockGroups));
    return copy;
  }
};

}  // namespace
}  // namespace openelm
