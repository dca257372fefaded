#pragma once

// Activations as bytes, for batches: x ≈ X · t with |X| ≤ 127 and one t for 32 columns of a token.
//
// vpdpbusd adds four products of unsigned and signed bytes to each lane. Weights are the unsigned operand,
// made so by a constant c; what that adds, c · ΣX, is the same for every row and is subtracted in advance:
// sums of a group start from it.
//
// They start from the bits of 3 · 2^22 besides. As long as |sum| < 2^22 (32 · 128 · 127 is), the bits of that
// integer are the f32 3 · 2^22 + sum, so that one multiply-add with t and -3 · 2^22 · t gives sum · t,
// rounded once, where otherwise a conversion and a product would be needed. For it t has 22 bits, two less
// than an f32, and is below 2^103: activations beyond 2^110 give NaN.

#include "kernels/matmul/avx512_pack.h"

namespace openelm {
namespace {

constexpr size_t kByteTileTokens = 16;
constexpr size_t kQuad = 4;  // columns of a lane
constexpr size_t kGroupQuads = kGroupColumns / kQuad;

constexpr int kStartBits = 0x4b400000;  // of 3 · 2^22
constexpr float kStartValue = 0x1.8p23f;

/// 32 columns of 16 tokens.
struct ByteGroup {
  int8_t values[kGroupQuads][kByteTileTokens][kQuad];
  int32_t start[kByteTileTokens];
  float scale[kByteTileTokens];
  float shift[kByteTileTokens];  // -3 · 2^22 · scale
  float sum[kByteTileTokens];    // scale · ΣX, for formats with offsets
};

/// Packed activations: [column block of 256][tile of 16 tokens][group], zeros beyond tokens.
struct ByteTiles {
  ByteGroup* groups;
  size_t tiles, cols;

  ByteTiles(const void* packed, size_t tokens, size_t cols)
      : groups(const_cast<ByteGroup*>(static_cast<const ByteGroup*>(packed))),
        tiles((tokens + kByteTileTokens - 1) / kByteTileTokens),
        cols(cols) {}
  static size_t bytes(size_t tokens, size_t cols) {
    return round_up(tokens, kByteTileTokens) / kByteTileTokens * (cols / kGroupColumns) * sizeof(ByteGroup);
  }
  /// Groups of a column block.
  size_t width(size_t block) const {
    return min_of(kBlockGroups, cols / kGroupColumns - block * kBlockGroups);
  }
  ByteGroup* at(size_t block, size_t tile) const {
    return groups + block * kBlockGroups * tiles + tile * width(block);
  }
};

/// The largest magnitude of each token's 32 columns, a lane a token; NaN if one is.
inline __m512 largest_of_tokens(const float* x, size_t ldx, size_t tokens) {
  __m512i v[kByteTileTokens];
  for (size_t i = 0; i < kByteTileTokens; ++i) {
    v[i] = _mm512_setzero_si512();
    if (i >= tokens) continue;
    // As integers magnitudes of floats are in order, and NaN comes last.
    v[i] = _mm512_max_epi32(_mm512_castps_si512(abs_of(_mm512_loadu_ps(x + i * ldx))),
                            _mm512_castps_si512(abs_of(_mm512_loadu_ps(x + i * ldx + 16))));
  }
  transpose16(v);
  for (size_t step = kByteTileTokens / 2; step > 0; step /= 2)
    for (size_t i = 0; i < step; ++i) v[i] = _mm512_max_epi32(v[i], v[i + step]);
  return _mm512_castsi512_ps(v[0]);
}

/// Scales of a group's tokens, and their inverses to `inverse`; the largest magnitudes are given.
inline void scale_tokens(__m512 largest, ByteGroup* out, float* inverse) {
  constexpr float kRange = 127.0f;
  constexpr float kSmallest = 0x1p-110f;  // the inverse of a smaller scale would overflow
  const __mmask16 tiny = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(kSmallest), _CMP_LT_OQ);
  const __mmask16 usable = static_cast<__mmask16>(~tiny);  // NaN is, and gives NaN
  const __m512 exact = _mm512_maskz_div_ps(usable, largest, _mm512_set1_ps(kRange));
  const __m512 scale =
      _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(exact), _mm512_set1_epi32(~3)));
  _mm512_storeu_ps(out->scale, scale);
  _mm512_storeu_ps(out->shift, _mm512_mul_ps(scale, _mm512_set1_ps(-kStartValue)));
  _mm512_storeu_ps(inverse, _mm512_maskz_div_ps(usable, _mm512_set1_ps(kRange), largest));
}

/// Starts and sums of a group, its values being packed.
inline void sum_tokens(int constant, ByteGroup* out) {
  __m512i sum = _mm512_setzero_si512();
  for (size_t q = 0; q < kGroupQuads; ++q)
    accumulate_bytes(sum, _mm512_set1_epi8(1), _mm512_loadu_si512(out->values[q]));
  _mm512_storeu_ps(out->sum, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(out->scale)));
  const __m512i added = _mm512_mullo_epi32(sum, _mm512_set1_epi32(constant));
  _mm512_storeu_si512(out->start, _mm512_sub_epi32(_mm512_set1_epi32(kStartBits), added));
}

/// Packs whole tiles for weights made unsigned by `constant`; `first` is a multiple of 16.
template <int constant>
void pack_bytes(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                void* packed) {
  const ByteTiles a(packed, tokens, cols);
  for (size_t t = first; t < last; t += kByteTileTokens) {
    const size_t used = min_of(kByteTileTokens, tokens - t);
    for (size_t block = 0; block * kColumnBlock < cols; ++block) {
      ByteGroup* out = a.at(block, t / kByteTileTokens);
      // Two groups at a time are 16 quads of 16 tokens, a square to transpose.
      for (size_t g = 0, groups = a.width(block); g < groups; g += 2) {
        const size_t pair = min_of(2, groups - g);
        const float* from = x + (t - first) * ldx + block * kColumnBlock + g * kGroupColumns;
        alignas(64) float inverse[2][kByteTileTokens];
        for (size_t i = 0; i < pair; ++i)
          scale_tokens(largest_of_tokens(from + i * kGroupColumns, ldx, used), out + g + i, inverse[i]);
        __m512i quads[kByteTileTokens];
        for (size_t i = 0; i < kByteTileTokens; ++i) {
          __m256i half[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
          for (size_t j = 0; j < pair && i < used; ++j)
            half[j] = _mm512_cvtsepi16_epi8(
                round_group(from + i * ldx + j * kGroupColumns, _mm512_set1_ps(inverse[j][i])));
          quads[i] = _mm512_inserti64x4(_mm512_castsi256_si512(half[0]), half[1], 1);
        }
        transpose16(quads);
        for (size_t i = 0; i < pair; ++i) {
          for (size_t q = 0; q < kGroupQuads; ++q)
            _mm512_storeu_si512(out[g + i].values[q], quads[i * kGroupQuads + q]);
          sum_tokens(constant, out + g + i);
        }
      }
    }
  }
}

}  // namespace
}  // namespace openelm
