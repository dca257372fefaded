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

/// Sums [row][token] of 16 rows and tokens to y [token][row].
inline void store_tile(const float* sums, size_t rows, size_t tokens, bool accumulate, float* y, size_t ldy) {
  __m512i v[kTileSide];
  for (size_t i = 0; i < kTileSide; ++i) v[i] = _mm512_loadu_si512(sums + i * kTileSide);
  transpose16(v);
  const __mmask16 lanes = first_lanes(rows);
  for (size_t t = 0; t < tokens && t < kTileSide; ++t) {
    __m512 sum = _mm512_castsi512_ps(v[t]);
    if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, y + t * ldy));
    _mm512_mask_storeu_ps(y + t * ldy, lanes, sum);
  }
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
