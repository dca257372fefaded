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
constexpr size_t kHalfTokens = 8;
constexpr size_t kPlaneBytes = kGroupColumns * kPlaneTokens;

/// The packed activations, by pointer: [group] of 32 columns, [four columns][lane][4] bytes as a tile product
/// wants them; then [block][lane] what makes sums in units of a block sums in units of the next, or after the
/// last block values; then [group][lane] sums of a group's integers. Lanes are 16 tokens, and a group's H is
/// followed by its L; or, half, 8 tokens' H and the same 8 tokens' L, sums in the lanes of L. Zeros beyond
/// tokens.
template <bool half>
struct PlaneTile {
  static constexpr size_t kGroupBytes = (half ? 1 : 2) * kPlaneBytes;
  int8_t* planes;
  float *units, *sums;
  size_t group_count;

  PlaneTile(const void* packed, size_t cols)
      : planes(const_cast<int8_t*>(static_cast<const int8_t*>(packed))), group_count(cols / kGroupColumns) {
    units = reinterpret_cast<float*>(planes + group_count * kGroupBytes);
    sums = units + blocks() * kPlaneTokens;
  }
  static size_t bytes(size_t /*tokens*/, size_t cols) {
    const size_t lines = cols / kGroupColumns + (cols + kColumnBlock - 1) / kColumnBlock;
    return cols / kGroupColumns * kGroupBytes + lines * kPlaneTokens * sizeof(float);
  }
  size_t blocks() const { return (group_count + kBlockGroups - 1) / kBlockGroups; }
  /// Groups of a block.
  size_t width(size_t block) const { return min_of(kBlockGroups, group_count - block * kBlockGroups); }
  int8_t* group(size_t group) const { return planes + group * kGroupBytes; }
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

/// A token's group times `inverse` as integers, split into planes.
struct SplitGroup {
  __m256i high, low;
  SplitGroup(const float* x, float inverse) {
    __m128i halves[2][2];
    for (size_t i = 0; i < 2; ++i) {
      const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * i), _mm512_set1_ps(inverse));
      const __m512i q = _mm512_cvtps_epi32(scaled);
      const __m512i rounded = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
      halves[0][i] = _mm512_cvtepi32_epi8(rounded);
      halves[1][i] = _mm512_cvtepi32_epi8(_mm512_sub_epi32(q, _mm512_slli_epi32(rounded, 7)));
    }
    high = _mm256_set_m128i(halves[0][1], halves[0][0]);
    low = _mm256_set_m128i(halves[1][1], halves[1][0]);
  }
};

inline __m512i join_bytes(__m256i lower, __m256i upper) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}

/// A group of the tokens, ldx apart, whose scales' inverses are given, and the sums of its integers.
template <bool half>
void pack_group(const float* x, size_t ldx, size_t tokens, const float* inverse, int8_t* out, float* sums) {
  constexpr size_t kQuads = kGroupColumns / 4;
  __m512i quads[kPlaneTokens];
  for (size_t i = 0; i < kPlaneTokens; ++i) quads[i] = _mm512_setzero_si512();
  for (size_t i = 0; i < tokens; ++i) {
    const SplitGroup token(x + i * ldx, inverse[i]);
    if constexpr (half) {
      quads[i] = join_bytes(token.high, _mm256_setzero_si256());
      quads[kHalfTokens + i] = join_bytes(token.low, _mm256_setzero_si256());
    } else {
      quads[i] = join_bytes(token.high, token.low);
    }
  }
  transpose16(quads);
  __m512i high = _mm512_setzero_si512(), low = high;
  for (size_t i = 0; i < kQuads; ++i) {
    _mm512_storeu_si512(out + 64 * i, quads[i]);
    accumulate_bytes(high, _mm512_set1_epi8(1), quads[i]);
    if constexpr (half) continue;
    _mm512_storeu_si512(out + kPlaneBytes + 64 * i, quads[kQuads + i]);
    accumulate_bytes(low, _mm512_set1_epi8(1), quads[kQuads + i]);
  }
  if constexpr (half) {
    low = join_bytes(_mm256_setzero_si256(), _mm512_extracti64x4_epi64(high, 1));
    high = join_bytes(_mm256_setzero_si256(), _mm512_castsi512_si256(high));
  }
  _mm512_storeu_ps(sums, _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 7), low)));
}

/// Packs all tokens: at most 16, or 8.
template <bool half>
void pack_planes_tile(const float* x, size_t ldx, size_t tokens, size_t cols, size_t /*first*/,
                      size_t /*last*/, void* packed) {
  const PlaneTile<half> a(packed, cols);
  BlockScales scales[kPlaneTokens];
  alignas(64) float before[kPlaneTokens] = {}, scale[kPlaneTokens] = {}, inverse[kPlaneTokens] = {};
  const auto set_unit = [&](size_t block, size_t token, float unit) {
    a.unit(block)[token] = unit;
    if constexpr (half) a.unit(block)[kHalfTokens + token] = unit;
  };
  for (size_t block = 0; block < a.blocks(); ++block) {
    const float* from = x + block * kColumnBlock;
    for (size_t i = 0; i < tokens; ++i) {
      scale[i] = scales[i].next(largest_magnitude(from + i * ldx, a.width(block) * kGroupColumns));
      inverse[i] = 1.0f / scale[i];
      if (block > 0) set_unit(block - 1, i, before[i] / scale[i]);
      before[i] = scale[i];
    }
    for (size_t g = 0; g < a.width(block); ++g) {
      const size_t group = block * kBlockGroups + g;
      pack_group<half>(from + g * kGroupColumns, ldx, tokens, inverse, a.group(group), a.sum(group));
    }
  }
  for (size_t i = 0; i < tokens; ++i) set_unit(a.blocks() - 1, i, scale[i]);
}

}  // namespace
}  // namespace openelm
