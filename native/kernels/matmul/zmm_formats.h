#pragma once

// Block formats as kernels with 512-bit registers see them: up to 8 groups of 32 columns, an element being
// scale[group] · integer + offset[group]. Layouts: quant/blocks.h.
//
// A format has open(row, block, groups), which reads the scales of column block `block`, and group(g), which
// gives a group's 32 integers as i16 in the format's order. kOffset: whether offsets are used. kBlockBytes:
// of a column block.

#include "kernels/simd/zmm.h"
#include "quant/blocks.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

constexpr size_t kColumnBlock = 256;
constexpr size_t kGroupColumns = 32;
constexpr size_t kBlockGroups = kColumnBlock / kGroupColumns;

/// Order of a group's 32 columns in registers. Integers of nibble formats come cheapest as words shifted by
/// 0, 4, 8 and 12 bits, so their activations are packed in that order: even columns of the first half, even
/// ones of the second, then odd ones of both.
enum class Order { natural, nibbles };

/// Index of each place's column in the nibble order.
inline __m512i nibble_order() {
  return _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,  //
                          30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
}

/// The f16 values `stride` bytes apart, as f32; zero beyond `groups`. They are put together with scalar
/// instructions, which do not compete with the vector ports that bound decode.
template <size_t stride>
inline __m256 halves(const uint8_t* p, size_t groups) {
  uint64_t words[2] = {};
  for (size_t g = 0; g < groups; ++g)
    words[g / 4] |= static_cast<uint64_t>(load_u16(p + g * stride)) << (16 * (g % 4));
  return _mm256_cvtph_ps(_mm_set_epi64x(static_cast<long long>(words[1]), static_cast<long long>(words[0])));
}

/// halves, without a loop for full blocks.
template <size_t stride>
inline __m256 scales_of(const uint8_t* p, size_t groups) {
  return groups == kBlockGroups ? halves<stride>(p, kBlockGroups) : halves<stride>(p, groups);
}

/// Eight bytes as f32.
inline __m256 bytes_to_f32(uint64_t bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))));
}

/// Nibbles of 16 bytes in Order::nibbles: one load, one shift, one and.
inline __m512i nibble_words(const uint8_t* p) {
  const __m512i shifts = _mm512_set_epi16(12, 12, 12, 12, 12, 12, 12, 12, 8, 8, 8, 8, 8, 8, 8, 8,  //
                                          4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i words = _mm512_broadcast_i32x4(load_i128(p));
  return _mm512_and_si512(_mm512_srlv_epi16(words, shifts), _mm512_set1_epi16(15));
}

/// Low nibbles of 16 bytes, then the high ones, in natural order.
inline __m256i nibble_bytes(const uint8_t* p) {
  const __m256i twice = _mm256_broadcastsi128_si256(load_i128(p));
  return _mm256_and_si256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}

template <class Block>
struct Simple {
  static constexpr size_t kBlockBytes = kBlockGroups * sizeof(Block);
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t groups) {
    p = row + block * kBlockGroups * sizeof(Block);
    scale = scales_of<sizeof(Block)>(p, groups);
  }
  const uint8_t* at(size_t g) const { return p + g * sizeof(Block); }
};

struct Q8_0 : Simple<BlockQ8_0> {
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = false;
  __m512i group(size_t g) const { return _mm512_cvtepi8_epi16(load_i256(at(g) + 2)); }
};

/// Q4_0 with its -8 in the integers.
struct Q4_0Centered : Simple<BlockQ4_0> {
  static constexpr Order kOrder = Order::nibbles;
  static constexpr bool kOffset = false;
  __m512i group(size_t g) const { return _mm512_sub_epi16(nibble_words(at(g) + 2), _mm512_set1_epi16(8)); }
};

struct Q4_1 : Simple<BlockQ4_1> {
  static constexpr Order kOrder = Order::nibbles;
  static constexpr bool kOffset = true;
  void open(const uint8_t* row, size_t block, size_t groups) {
    Simple::open(row, block, groups);
    offset = scales_of<sizeof(BlockQ4_1)>(p + 2, groups);
  }
  __m512i group(size_t g) const { return nibble_words(at(g) + 4); }
};

struct Q5_0 : Simple<BlockQ5_0> {
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = false;
  __m512i group(size_t g) const {
    const __m512i q = _mm512_cvtepu8_epi16(nibble_bytes(at(g) + 6));
    // The fifth bit is worth 16, and 16 is what all are reduced by: without the bit, subtract.
    return _mm512_mask_sub_epi16(q, ~load_u32(at(g) + 2), q, _mm512_set1_epi16(16));
  }
};

struct Q5_1 : Simple<BlockQ5_1> {
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = true;
  void open(const uint8_t* row, size_t block, size_t groups) {
    Simple::open(row, block, groups);
    offset = scales_of<sizeof(BlockQ5_1)>(p + 2, groups);
  }
  __m512i group(size_t g) const {
    const __m512i q = _mm512_cvtepu8_epi16(nibble_bytes(at(g) + 8));
    return _mm512_mask_add_epi16(q, load_u32(at(g) + 4), q, _mm512_set1_epi16(16));
  }
};

struct IQ4_NL : Simple<BlockIQ4_NL> {
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = false;
  __m512i group(size_t g) const {
    const __m256i levels = _mm256_broadcastsi128_si256(load_i128(kIq4Values));
    return _mm512_cvtepi8_epi16(_mm256_shuffle_epi8(levels, nibble_bytes(at(g) + 2)));
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
  static constexpr size_t kBlockBytes = sizeof(BlockQ4_K);
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = true;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ4_K);
    open_k(p, &scale, &offset);
  }
  __m512i group(size_t g) const {
    const __m512i v = _mm512_cvtepu8_epi16(load_i256(p + 16 + g / 2 * 32));
    return g % 2 ? _mm512_srli_epi16(v, 4) : _mm512_and_si512(v, _mm512_set1_epi16(15));
  }
};

struct Q5_K {
  static constexpr size_t kBlockBytes = sizeof(BlockQ5_K);
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = true;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ5_K);
    open_k(p, &scale, &offset);
  }
  __m512i group(size_t g) const {
    const __m512i v = _mm512_cvtepu8_epi16(load_i256(p + 48 + g / 2 * 32));
    const __m512i low = g % 2 ? _mm512_srli_epi16(v, 4) : _mm512_and_si512(v, _mm512_set1_epi16(15));
    const __m512i high = _mm512_cvtepu8_epi16(load_i256(p + 16));
    const __mmask32 fifth = _mm512_test_epi16_mask(high, _mm512_set1_epi16(static_cast<short>(1 << g)));
    return _mm512_mask_add_epi16(low, fifth, low, _mm512_set1_epi16(16));
  }
};

/// The first scale for 16 columns, the second for the other 16.
inline __m512i two_scales(int first, int second) {
  return _mm512_mask_mov_epi16(_mm512_set1_epi16(static_cast<short>(first)), 0xffff0000u,
                               _mm512_set1_epi16(static_cast<short>(second)));
}

/// Scales of 16 elements are folded into the integers: |scale · (q - 32)| ≤ 4096.
struct Q6_K {
  static constexpr size_t kBlockBytes = sizeof(BlockQ6_K);
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = false;
  const uint8_t* p;
  __m256 scale, offset;

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ6_K);
    scale = _mm256_set1_ps(half_at(p + 208));
  }
  __m512i group(size_t g) const {
    const size_t half = g / 4, quarter = g % 4;
    const __m512i low = _mm512_cvtepu8_epi16(load_i256(p + 64 * half + 32 * (quarter % 2)));
    const __m512i high = _mm512_cvtepu8_epi16(load_i256(p + 128 + 32 * half));
    const __m512i four =
        quarter / 2 ? _mm512_srli_epi16(low, 4) : _mm512_and_si512(low, _mm512_set1_epi16(15));
    const __m512i shifted =
        _mm512_srl_epi16(_mm512_slli_epi16(high, 4), _mm_cvtsi32_si128(static_cast<int>(2 * quarter)));
    const __m512i q = _mm512_or_si512(four, _mm512_and_si512(shifted, _mm512_set1_epi16(48)));
    const int8_t* s = reinterpret_cast<const int8_t*>(p + 192 + 2 * g);
    return _mm512_mullo_epi16(_mm512_sub_epi16(q, _mm512_set1_epi16(32)), two_scales(s[0], s[1]));
  }
};

/// As Q6_K: |scale · (q - 4)| ≤ 128.
struct Q3_K {
  static constexpr size_t kBlockBytes = sizeof(BlockQ3_K);
  static constexpr Order kOrder = Order::natural;
  static constexpr bool kOffset = false;
  const uint8_t* p;
  __m256 scale, offset;
  int8_t scales[16];

  void open(const uint8_t* row, size_t block, size_t /*groups*/) {
    p = row + block * sizeof(BlockQ3_K);
    scale = _mm256_set1_ps(half_at(p + 108));
    unpack_q3_scales(p + 96, scales);
  }
  __m512i group(size_t g) const {
    const __m512i low = _mm512_cvtepu8_epi16(load_i256(p + 32 + 32 * (g / 4)));
    const __m512i two = _mm512_and_si512(
        _mm512_srl_epi16(low, _mm_cvtsi32_si128(static_cast<int>(2 * (g % 4)))), _mm512_set1_epi16(3));
    const __m512i high = _mm512_cvtepu8_epi16(load_i256(p));
    const __mmask32 third = _mm512_test_epi16_mask(high, _mm512_set1_epi16(static_cast<short>(1 << g)));
    const __m512i q = _mm512_mask_sub_epi16(two, static_cast<__mmask32>(~third), two, _mm512_set1_epi16(4));
    return _mm512_mullo_epi16(q, two_scales(scales[2 * g], scales[2 * g + 1]));
  }
};

}  // namespace
}  // namespace openelm
