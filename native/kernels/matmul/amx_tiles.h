#pragma once

// Batches in tiles of bf16: 16 weight rows × 32 columns, row-major as dequantized; 32 columns × 16 tokens, in
// pairs of columns; sums of 16 rows × 16 tokens in f32.

#include "kernels/matmul/amx_weights.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/zmm_tile.h"

namespace openelm {
namespace {

constexpr size_t kSumsBytes = kTile * kTile * sizeof(float);

size_t steps_of(size_t cols) {
  return round_up(cols, kStepColumns) / kStepColumns;
}

size_t tiles_of(size_t n) {
  return round_up(n, kTile) / kTile;
}

size_t packed_bytes(size_t tokens, size_t cols) {
  return tiles_of(tokens) * steps_of(cols) * kTileBytes;
}

/// Layout: [tile of 16 tokens][step][pair of columns][token][2] bf16; zeros beyond tokens and columns. Steps
/// of nibble formats hold even columns of the first half, even ones of the second, then odd ones of both.
template <bool nibbles>
void pack(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last, void* packed) {
  const size_t steps = steps_of(cols);
  for (size_t t = first; t < last; t += kTile) {
    uint8_t* out = static_cast<uint8_t*>(packed) + t / kTile * steps * kTileBytes;
    for (size_t s = 0; s < steps; ++s, out += kTileBytes) {
      __m512i pairs[kTile];
      for (size_t i = 0; i < kTile; ++i) {
        pairs[i] = _mm512_setzero_si512();
        if (t + i < tokens) pairs[i] = load_bf16(x + (t - first + i) * ldx, s * kStepColumns, cols);
        if constexpr (nibbles) pairs[i] = _mm512_permutexvar_epi16(nibble_order(), pairs[i]);
      }
      transpose16(pairs);
      for (size_t i = 0; i < kTile; ++i) _mm512_storeu_si512(out + 64 * i, pairs[i]);
    }
  }
}

/// Bytes between rows of a panel of so many steps: an odd number of lines, so that the rows of a tile fall
/// into different sets of L1.
size_t panel_stride(size_t steps) {
  return (steps | 1) * kStepBytes;
}

/// Columns of a block, in steps.
constexpr size_t kMostBlockSteps = 40;
/// Row tiles of a panel. Large panels let a core's share of activations, 1.3 MB for 512 tokens, stream
/// through L2 once for many rows.
constexpr size_t kRowTiles = 16;

/// Steps of a column block: as even as multiples of a super-block allow.
size_t block_steps(size_t steps) {
  const size_t blocks = (steps + kMostBlockSteps - 1) / kMostBlockSteps;
  return round_up((steps + blocks - 1) / blocks, kMostSteps);
}

/// Rows of gate, and of up, in a panel of both.
constexpr size_t kGatedRows = kRowTiles / 2 * kTile;

size_t panel_bytes(size_t steps) {
  return kRowTiles * kTile * panel_stride(block_steps(steps));
}

/// Token tiles of a block of products.
constexpr size_t kMostBlockTokens = 3;

/// A panel; sums of its tiles between column blocks, or of two blocks of 2 row tiles.
size_t scratch_bytes(size_t tokens, size_t cols) {
  const size_t steps = steps_of(cols);
  const size_t sums = steps > kMostBlockSteps ? kRowTiles * tiles_of(tokens) : 2 * 2 * kMostBlockTokens;
  return panel_bytes(steps) + sums * kSumsBytes;
}

/// Rows and columns that are dequantized together: [row][steps · 32] bf16, rows panel_stride apart.
struct PanelPlace {
  size_t row, rows;    // of the matrix
  size_t step, steps;  // of 32 columns
};

/// How far ahead weights are asked for while a panel is dequantized.
constexpr size_t kPanelAhead = 4096;

/// Dequantizes a panel; rows up to a whole tile are zero. Both halves of the rows at once: a core has more of
/// two streams of memory under way than of one.
template <class Format>
void expand_panel(const WeightMatrix& w, const PanelPlace& place, uint8_t* panel) {
  const size_t stride = row_bytes(w.type, w.cols), out_stride = panel_stride(place.steps);
  const size_t block_bytes = row_bytes(w.type, kMostSteps * kStepColumns);
  const size_t rows = tiles_of(place.rows) * kTile, half = rows / 2;
  for (size_t i = 0; i < rows; ++i) {
    const size_t r = i / 2 + i % 2 * half;
    const uint8_t* row = w.data + (place.row + r) * stride;
    for (size_t s = 0; s < place.steps; s += kMostSteps) {
      const size_t count = min_of(kMostSteps, place.steps - s);
      uint8_t* out = panel + r * out_stride + s * kStepBytes;
      if (r < place.rows) {
        const uint8_t* ahead = row + (place.step + s) / kMostSteps * block_bytes + kPanelAhead;
        for (size_t k = 0; k < block_bytes; k += 64) prefetch_line(ahead + k);
        Format::expand(row, (place.step + s) * kStepColumns, w.cols, count, out);
        continue;
      }
      for (size_t k = 0; k < count; ++k) _mm512_storeu_si512(out + k * kStepBytes, _mm512_setzero_si512());
    }
  }
}

}  // namespace
}  // namespace openelm
