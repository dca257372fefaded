#pragma once

// Activations for decoding: 15-bit integers as two planes of signed bytes, x ≈ (128 · H + L) · s with
// L in [-64, 63], and one scale for 128 columns. vpdpbusd multiplies unsigned bytes of weights by a plane:
// two dots of 64 columns are as many as vpdpwssd needs, but weights stay bytes, so unpacking takes half as
// many instructions, and lanes of one register can belong to several groups of 32 columns, so that a
// conversion and a multiply-add with a vector of scales serve 64 or 128 columns.
//
// Weights are made unsigned by a constant c; what that adds, c · Σx, is subtracted in advance: sums start
// from -c · (the sum of the columns of each lane).
//
// Layout: [unit of 128 columns][token] PlaneUnit, then scales of groups' sums for formats with offsets:
// [block of 256][token][8] f32. Columns beyond the last are zero.

#include "kernels/matmul/avx512_pack.h"

namespace openelm {
namespace {

constexpr size_t kUnitColumns = 128;

/// Which 16 columns each 128-bit lane of a unit's two vectors holds.
enum class LaneOrder {
  natural,  // 0 1 2 3, 4 5 6 7
  halves,   // 0 2 4 6, 1 3 5 7: low nibbles of four groups, then high ones
  pairs,    // 0 1 4 5, 2 3 6 7: low nibbles of two pairs of groups, then high ones
};

struct PlaneUnit {
  int8_t high[2][64];
  int8_t low[2][64];
  int32_t
      start[2][16];  // -c · Σ of the four columns of each lane; of both vectors' in [0] where they share sums
  float scale;
  float padding[15];
};
static_assert(sizeof(PlaneUnit) == 448);

/// The packed activations, by pointer.
struct Planes {
  PlaneUnit* units;
  float* sums;
  size_t tokens, cols;

  Planes(const void* packed, size_t tokens, size_t cols) : tokens(tokens), cols(cols) {
    units = const_cast<PlaneUnit*>(static_cast<const PlaneUnit*>(packed));
    sums = reinterpret_cast<float*>(units + tokens * unit_count(cols));
  }
  static size_t unit_count(size_t cols) { return (cols + kUnitColumns - 1) / kUnitColumns; }
  static size_t bytes(size_t tokens, size_t cols) {
    return tokens * unit_count(cols) * (sizeof(PlaneUnit) + kBlockGroups / 2 * sizeof(float) + 64);
  }
  PlaneUnit& unit(size_t index, size_t token) const { return units[index * tokens + token]; }
  /// Σx of each group of a block of 256 columns, scaled.
  float* sum(size_t block, size_t token) const { return sums + (block * tokens + token) * kBlockGroups; }
};

constexpr size_t lane_column(LaneOrder order, size_t vector, size_t lane) {
  switch (order) {
    case LaneOrder::natural:
      return 64 * vector + 16 * lane;
    case LaneOrder::halves:
      return 32 * lane + 16 * vector;
    case LaneOrder::pairs:
      return 64 * (lane / 2) + 32 * vector + 16 * (lane % 2);
  }
  return 0;
}

/// Packs `width` columns of one token.
template <LaneOrder order, int constant, bool shared>
void pack_unit(const float* x, size_t width, PlaneUnit* out, float* sums) {
  constexpr float kRange = 127 * 128 + 63;
  constexpr float kSmallest = 0x1p-110f;  // the inverse of a smaller scale would overflow
  const float largest = largest_magnitude(x, width);
  out->scale = largest < kSmallest ? 0.0f : largest / kRange;
  const __m512 inverse = _mm512_set1_ps(largest < kSmallest ? 0.0f : kRange / largest);
  __m512i values[8];  // 16 columns each, as i32
  for (size_t i = 0; i < 8; ++i) {
    values[i] = _mm512_setzero_si512();
    if (16 * i < width) values[i] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16 * i), inverse));
  }
  for (size_t v = 0; v < 2; ++v) {
    for (size_t lane = 0; lane < 4; ++lane) {
      const __m512i q = values[lane_column(order, v, lane) / 16];
      const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
      const __m512i low = _mm512_sub_epi32(q, _mm512_slli_epi32(high, 7));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out->high[v] + 16 * lane), _mm512_cvtepi32_epi8(high));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out->low[v] + 16 * lane), _mm512_cvtepi32_epi8(low));
      // Unsigned, since what NaN and infinity become may overflow.
      alignas(64) uint32_t columns[16];
      _mm512_storeu_si512(columns, q);
      for (size_t i = 0; i < 4; ++i) {
        const uint32_t sum = columns[4 * i] + columns[4 * i + 1] + columns[4 * i + 2] + columns[4 * i + 3];
        int32_t& start = out->start[shared ? 0 : v][4 * lane + i];
        start = static_cast<int32_t>((shared && v > 0 ? static_cast<uint32_t>(start) : 0) -
                                     static_cast<uint32_t>(constant) * sum);
      }
    }
  }
  for (size_t g = 0; g < kUnitColumns / kGroupColumns; ++g)
    sums[g] = out->scale * sum_of(_mm512_cvtepi32_ps(_mm512_add_epi32(values[2 * g], values[2 * g + 1])));
}

template <LaneOrder order, int constant, bool shared>
void pack_planes(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                 void* packed) {
  const Planes a(packed, tokens, cols);
  for (size_t t = first; t < last; ++t)
    for (size_t u = 0; u < Planes::unit_count(cols); ++u)
      pack_unit<order, constant, shared>(x + (t - first) * ldx + u * kUnitColumns,
                                         min_of(kUnitColumns, cols - u * kUnitColumns), &a.unit(u, t),
                                         a.sum(u / 2, t) + u % 2 * (kBlockGroups / 2));
}

}  // namespace
}  // namespace openelm
