#pragma once

// Activations of up to 16 tokens for tiles of bytes: 15-bit integers as two planes of signed bytes,
// x ≈ (128 · H + L) · s with L in [-64, 63], and one s for 256 columns of a token.
//
// Sums of a row are kept in units of the block's s, and change units where blocks meet; so that no unit can
// make them overflow, a block's s is at least 2^-60 of the largest before it.

#include "kernels/matmul/zmm_formats.h"

namespace openelm {
namespace {

constexpr size_t kPlaneTokens = 16;
constexpr size_t kPlaneBytes = kGroupColumns * kPlaneTokens;

/// 32 columns of 16 tokens: [four columns][token][4] of H, then of L, as a tile product wants them.
struct PlaneGroup {
  int8_t high[kPlaneBytes];
  int8_t low[kPlaneBytes];
};

/// The packed activations, by pointer: [group] planes, then [block][token] what makes sums in units of a
/// block sums in units of the next, or after the last block values; then [group][token] sums of a group's
/// integers. Zeros beyond tokens.
struct PlaneTile {
  PlaneGroup* groups;
  float *units, *sums;
  size_t group_count;

  PlaneTile(const void* packed, size_t cols)
      : groups(const_cast<PlaneGroup*>(static_cast<const PlaneGroup*>(packed))),
        group_count(cols / kGroupColumns) {
    units = reinterpret_cast<float*>(groups + group_count);
    sums = units + blocks() * kPlaneTokens;
  }
  static size_t bytes(size_t /*tokens*/, size_t cols) {
    const size_t lines = cols / kGroupColumns + (cols + kColumnBlock - 1) / kColumnBlock;
    return cols / kGroupColumns * sizeof(PlaneGroup) + lines * kPlaneTokens * sizeof(float);
  }
  size_t blocks() const { return (group_count + kBlockGroups - 1) / kBlockGroups; }
  /// Groups of a block.
  size_t width(size_t block) const { return min_of(kBlockGroups, group_count - block * kBlockGroups); }
  float* unit(size_t block) const { return units + block * kPlaneTokens; }
  float* sum(size_t group) const { return sums + group * kPlaneTokens; }
};

/// The scales of a token's blocks, one after the other.
class BlockScales {
 public:
  /// The next block's, whose largest magnitude is given: NaN gives NaN.
  float next(float largest) {
    constexpr float kRange = 127 * 128 + 63;
    constexpr float kSmallest = 0x1p-110f;  // the inverse of a smaller scale would overflow
    if (largest < kSmallest) return most_ > 0 ? most_ : 1.0f;
    const float exact = largest / kRange, least = most_ * 0x1p-60f;
    const float scale = exact < least ? least : exact;
    if (!(scale <= most_)) most_ = scale;
    return scale;
  }

 private:
  float most_ = 0;
};

/// 16 values times `inverse` as integers, split into planes.
struct SplitValues {
  __m128i high, low;
  SplitValues(const float* x, __m512 inverse) {
    const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse));
    const __m512i rounded = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
    high = _mm512_cvtepi32_epi8(rounded);
    low = _mm512_cvtepi32_epi8(_mm512_sub_epi32(q, _mm512_slli_epi32(rounded, 7)));
  }
};

/// A group of up to 16 tokens, ldx apart, whose scales' inverses are given, and the sums of its integers.
inline void pack_group(const float* x, size_t ldx, size_t tokens, const float* inverse, PlaneGroup* out,
                       float* sums) {
  __m512i quads[kPlaneTokens];
  for (size_t i = 0; i < kPlaneTokens; ++i) {
    quads[i] = _mm512_setzero_si512();
    if (i >= tokens) continue;
    const __m512 factor = _mm512_set1_ps(inverse[i]);
    const SplitValues first(x + i * ldx, factor), second(x + i * ldx + 16, factor);
    __m512i v = _mm512_castsi128_si512(first.high);
    v = _mm512_inserti32x4(v, second.high, 1);
    v = _mm512_inserti32x4(v, first.low, 2);
    quads[i] = _mm512_inserti32x4(v, second.low, 3);
  }
  transpose16(quads);
  __m512i high = _mm512_setzero_si512(), low = high;
  for (size_t i = 0; i < kPlaneTokens; ++i) {
    _mm512_storeu_si512(out->high + 64 * i, quads[i]);
    accumulate_bytes(i < kPlaneTokens / 2 ? high : low, _mm512_set1_epi8(1), quads[i]);
  }
  _mm512_storeu_ps(sums, _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 7), low)));
}

/// Packs all of at most 16 tokens.
inline void pack_planes_tile(const float* x, size_t ldx, size_t tokens, size_t cols, size_t /*first*/,
                             size_t /*last*/, void* packed) {
  const PlaneTile a(packed, cols);
  BlockScales scales[kPlaneTokens];
  alignas(64) float before[kPlaneTokens] = {}, scale[kPlaneTokens] = {}, inverse[kPlaneTokens] = {};
  for (size_t block = 0; block < a.blocks(); ++block) {
    const float* from = x + block * kColumnBlock;
    for (size_t i = 0; i < tokens; ++i) {
      scale[i] = scales[i].next(largest_magnitude(from + i * ldx, a.width(block) * kGroupColumns));
      inverse[i] = 1.0f / scale[i];
      if (block > 0) a.unit(block - 1)[i] = before[i] / scale[i];
      before[i] = scale[i];
    }
    for (size_t g = 0; g < a.width(block); ++g) {
      const size_t group = block * kBlockGroups + g;
      pack_group(from + g * kGroupColumns, ldx, tokens, inverse, a.groups + group, a.sum(group));
    }
  }
  _mm512_storeu_ps(a.unit(a.blocks() - 1), _mm512_load_ps(scale));
}

}  // namespace
}  // namespace openelm
