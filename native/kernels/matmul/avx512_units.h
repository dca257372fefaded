#pragma once

// Block formats as decoding sees them: units of 128 columns as two vectors of unsigned bytes, weight =
// scale · (byte - kConstant) + offset of its group.
//
// A format has open(row, block), at a block of 256 columns, and read(half, q, scale), which gives a unit's
// vectors in kOrder and a scale for each lane of four bytes. kShared: both vectors have the same scales, so
// that one sum serves both. kOffset: `offset` holds those of the block's 8 groups. kColumns: of a block of
// the file.

#include "kernels/matmul/avx512_planes.h"

namespace openelm {
namespace {

/// Words of two registers, the second being loaded `skip` words after the first: word `w` of what they cover.
constexpr short word_at(int w, int skip) {
  return static_cast<short>(w < 32 ? w : w - skip + 32);
}

/// The low and the high nibbles of bytes.
inline void split_nibbles(__m512i nibbles, __m512i q[2]) {
  const __m512i low = _mm512_set1_epi8(15);
  q[0] = _mm512_and_si512(nibbles, low);
  q[1] = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), low);
}

/// The same 32 bytes in both halves.
inline __m512i twice(__m256i half) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(half), half, 1);
}

/// Four blocks of 18 bytes: words 9b + 1 to 9b + 8 are weights, 9b the scale.
struct UnitQ4_0 {
  static constexpr LaneOrder kOrder = LaneOrder::halves;
  static constexpr int kConstant = 8;
  static constexpr bool kShared = true, kOffset = false;
  static constexpr size_t kUnitBytes = 4 * sizeof(BlockQ4_0), kColumns = kGroupColumns;
  const uint8_t* p;
  __m256 offset;

  void open(const uint8_t* row, size_t block) { p = row + 2 * block * kUnitBytes; }
  void read(size_t half, __m512i q[2], __m512 scale[2]) const {
    const __m512i weights = _mm512_set_epi16(word_at(35, 4), word_at(34, 4), word_at(33, 4), word_at(32, 4),
                                             31, 30, 29, 28, 26, 25, 24, 23, 22, 21, 20, 19,  //
                                             17, 16, 15, 14, 13, 12, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1);
    const __m512i scales = _mm512_set_epi16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                            27, 27, 27, 27, 18, 18, 18, 18, 9, 9, 9, 9, 0, 0, 0, 0);
    const uint8_t* at = p + half * kUnitBytes;
    const __m512i head = _mm512_loadu_si512(at), tail = _mm512_loadu_si512(at + 8);
    const __m512i nibbles = _mm512_permutex2var_epi16(head, weights, tail);
    split_nibbles(nibbles, q);
    scale[0] = scale[1] = _mm512_cvtph_ps(_mm512_castsi512_si256(_mm512_permutexvar_epi16(scales, head)));
  }
};

/// The scales of groups 4 · half + {first, first + 2}, eight lanes each.
inline __m512 pair_of_scales(__m256 scales, size_t half, int first) {
  const __m512i lanes = _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(4 * half) + first));
  return _mm512_permutexvar_ps(index, join(scales, scales));
}

/// Bytes of two vectors: 16 where the bit is set that stands `left` places below bit 4 of one 32-byte half's,
/// `right` places below of the other's.
inline __m512i fifth_bits(__m512i bits, short lower, short upper) {
  const __m512i left = _mm512_set_epi16(upper, upper, upper, upper, upper, upper, upper, upper,  //
                                        upper, upper, upper, upper, upper, upper, upper, upper,  //
                                        lower, lower, lower, lower, lower, lower, lower, lower,  //
                                        lower, lower, lower, lower, lower, lower, lower, lower);
  return _mm512_and_si512(_mm512_sllv_epi16(bits, left), _mm512_set1_epi8(16));
}

/// Q4_K and Q5_K: scales and offsets of eight groups of a super-block.
template <class Block>
struct SuperBlockUnit {
  static constexpr LaneOrder kOrder = LaneOrder::pairs;
  static constexpr int kConstant = 0;
  static constexpr bool kShared = false, kOffset = true;
  static constexpr size_t kUnitBytes = sizeof(Block) / 2, kColumns = kSuperBlock;
  const uint8_t* p;
  __m256 scales, offset;

  void open(const uint8_t* row, size_t block) {
    p = row + block * sizeof(Block);
    open_k(p, &scales, &offset);
  }
  /// Nibbles that begin `skipped` bytes into the block, and scales.
  void read_nibbles(size_t skipped, size_t half, __m512i q[2], __m512 scale[2]) const {
    split_nibbles(_mm512_loadu_si512(p + skipped + 64 * half), q);
    scale[0] = pair_of_scales(scales, half, 0);
    scale[1] = pair_of_scales(scales, half, 1);
  }
};

struct UnitQ4_K : SuperBlockUnit<BlockQ4_K> {
  void read(size_t half, __m512i q[2], __m512 scale[2]) const { read_nibbles(16, half, q, scale); }
};

struct UnitQ5_K : SuperBlockUnit<BlockQ5_K> {
  void read(size_t half, __m512i q[2], __m512 scale[2]) const {
    read_nibbles(48, half, q, scale);
    // Bit g is the fifth of group g; the upper half of a vector is two groups on.
    __m512i bits = twice(load_i256(p + 16));
    if (half == 1) bits = _mm512_srli_epi16(bits, 4);
    q[0] = _mm512_or_si512(q[0], fifth_bits(bits, 4, 2));
    q[1] = _mm512_or_si512(q[1], fifth_bits(bits, 3, 1));
  }
};

/// Scales of 16 columns are lanes of four.
struct UnitQ6_K {
  static constexpr LaneOrder kOrder = LaneOrder::natural;
  static constexpr int kConstant = 32;
  static constexpr bool kShared = false, kOffset = false;
  static constexpr size_t kUnitBytes = sizeof(BlockQ6_K) / 2, kColumns = kSuperBlock;
  const uint8_t* p;
  __m512 scales;
  __m256 offset;

  void open(const uint8_t* row, size_t block) {
    p = row + block * sizeof(BlockQ6_K);
    scales = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_i128(p + 192))),
                           _mm512_set1_ps(half_at(p + 208)));
  }
  void read(size_t half, __m512i q[2], __m512 scale[2]) const {
    split_nibbles(_mm512_loadu_si512(p + 64 * half), q);
    const __m512i bits = twice(load_i256(p + 128 + 32 * half));
    const __m512i two = _mm512_set1_epi8(48);
    const __m512i left = _mm512_set_epi16(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  //
                                          4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4);
    const __m512i right = _mm512_set_epi16(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  //
                                           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    q[0] = _mm512_or_si512(q[0], _mm512_and_si512(_mm512_sllv_epi16(bits, left), two));
    q[1] = _mm512_or_si512(q[1], _mm512_and_si512(_mm512_srlv_epi16(bits, right), two));
    for (int v = 0; v < 2; ++v) {
      const __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
      const __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(8 * half) + 4 * v));
      scale[v] = _mm512_permutexvar_ps(index, scales);
    }
  }
};

}  // namespace
}  // namespace openelm
