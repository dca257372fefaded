#pragma once

// What the panels of the avx512 and amx variants have in common: asking for weights ahead, and tiles of sums
// on their way to y.

#include "kernels/matmul/matmul.h"
#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

constexpr size_t kTileSide = 16;  // rows and tokens of a tile of sums

/// Asks for `bytes` of each of `rows` rows: a panel's rows are too short for hardware prefetchers, and memory
/// would idle while a panel is multiplied.
inline void prefetch_rows(const uint8_t* first, size_t stride, size_t rows, size_t bytes) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < bytes; i += 64) prefetch_line(first + r * stride + i);
}

constexpr size_t kSliceTokens = 4;

/// Sums [row][token] of 16 rows and four tokens to y [token][row]: a quarter of a tile.
inline void store_slice(const float* sums, size_t rows, size_t tokens, bool accumulate, float* y,
                        size_t ldy) {
  // In 128-bit lane l, row 4l + j; then four rows × four tokens change places in every lane.
  __m512i by_row[4];
  for (size_t j = 0; j < 4; ++j) {
    const float* row = sums + j * kTileSide;
    __m512i v = _mm512_castsi128_si512(load_i128(row));
    v = _mm512_inserti32x4(v, load_i128(row + 4 * kTileSide), 1);
    v = _mm512_inserti32x4(v, load_i128(row + 8 * kTileSide), 2);
    by_row[j] = _mm512_inserti32x4(v, load_i128(row + 12 * kTileSide), 3);
  }
  const __m512i a = _mm512_unpacklo_epi32(by_row[0], by_row[1]),
                b = _mm512_unpackhi_epi32(by_row[0], by_row[1]);
  const __m512i c = _mm512_unpacklo_epi32(by_row[2], by_row[3]),
                d = _mm512_unpackhi_epi32(by_row[2], by_row[3]);
  const __m512i by_token[kSliceTokens] = {_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c),
                                          _mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d)};
  const __mmask16 lanes = first_lanes(rows);
  for (size_t t = 0; t < kSliceTokens && t < tokens; ++t, y += ldy) {
    __m512 sum = _mm512_castsi512_ps(by_token[t]);
    if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, y));
    _mm512_mask_storeu_ps(y, lanes, sum);
  }
}

/// Sums [row][token] of 16 rows and tokens to y [token][row].
inline void store_tile(const float* sums, size_t rows, size_t tokens, bool accumulate, float* y, size_t ldy) {
  for (size_t t = 0; t < tokens && t < kTileSide; t += kSliceTokens)
    store_slice(sums + t, rows, tokens - t, accumulate, y + t * ldy, ldy);
}

/// Sums [tile of tokens][row of `panel_rows`][token] of a panel's first `rows` rows to y, from row `row` on.
inline void store_panel(const MatmulArgs& args, const float* sums, size_t panel_rows, size_t row,
                        size_t rows) {
  for (size_t t = 0; t < args.tokens; t += kTileSide, sums += panel_rows * kTileSide)
    for (size_t r = 0; r < rows; r += kTileSide)
      store_tile(sums + r * kTileSide, rows - r, args.tokens - t, args.accumulate,
                 args.y + t * args.ldy + row + r, args.ldy);
}

}  // namespace
}  // namespace openelm
