#pragma once

// swiglu(gate · x, up · x), packed for the product that follows: a row tile of gate and the same of up are
// the two of a block, their sums meet in a core's first cache, and sums of 16 rows × 16 tokens are pairs of
// columns × tokens of the next product as they lie. Written out, gate and up would be the largest activations
// of a pass, and storing, joining and packing them took a fifth of the time of their products.

#include "kernels/matmul/amx_product.h"
#include "kernels/swiglu/zmm_swiglu.h"

namespace openelm {
namespace {

/// Which rows of a tile of 16, the `half`th of a step of 32 columns, make a pair, and where it goes.
struct ColumnPair {
  size_t low, high, place;
};

/// Pair i of 8.
constexpr ColumnPair column_pair(bool nibbles, size_t half, size_t i) {
  if (!nibbles) return {2 * i, 2 * i + 1, 8 * half + i};
  const size_t odd = i / 4, low = 4 * (i % 4) + odd;
  return {low, low + 2, 8 * odd + 4 * half + i % 4};
}

/// A block's sums of 16 rows of gate and of up to activation tiles of the next product: a slice is two rows ×
/// 16 tokens, 8 of them half of a tile.
template <bool nibbles>
struct GatedSlices {
  const uint8_t* sums;
  size_t stride;      // bytes from gate to up
  size_t half;        // of the tiles
  uint8_t* out;       // the first token tile's
  size_t out_stride;  // bytes to the next one's

  static constexpr size_t kPerTile = kTile / 2;

  void store(size_t slice) const {
    const __m512i interleave =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,  //
                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const size_t token = slice / kPerTile;
    const float* gate = reinterpret_cast<const float*>(sums + token * kSumsBytes);
    const float* up = reinterpret_cast<const float*>(sums + stride + token * kSumsBytes);
    const auto joined = [&](size_t row) {
      return swiglu_rounded(_mm512_loadu_ps(gate + row * kTile), _mm512_loadu_ps(up + row * kTile));
    };
    const ColumnPair pair = column_pair(nibbles, half, slice % kPerTile);
    const __m512i both = to_bf16(joined(pair.low), joined(pair.high));
    _mm512_storeu_si512(out + token * out_stride + 64 * pair.place,
                        _mm512_permutexvar_epi16(interleave, both));
  }
};

/// A panel of gate, and one of up behind it, times the activations of its columns.
template <bool nibbles>
void multiply_gated(const GatedArgs& args, const PanelPlace& place, size_t steps, const uint8_t* panel,
                    uint8_t* sums) {
  using Slices = GatedSlices<nibbles>;
  const size_t token_tiles = tiles_of(args.tokens), row_tiles = tiles_of(place.rows);
  const size_t stride = panel_stride(place.steps), out_steps = steps_of(args.gate->rows);
  const bool last = place.step + place.steps == steps;
  SumsPlace sums_place(sums, steps > kMostBlockSteps, token_tiles);
  Outgoing<Slices> outgoing;
  finish_stores(panel);
  for (size_t n = 0, tokens; n < token_tiles; n += tokens) {
    tokens = block_tokens(token_tiles - n);
    for (size_t m = 0; m < row_tiles; ++m) {
      uint8_t* c = sums_place.next(2 * m, n);
      multiply({2, tokens, panel + m * kTile * stride, stride, kGatedRows * stride,
                static_cast<const uint8_t*>(args.packed) + (n * steps + place.step) * kTileBytes,
                steps * kTileBytes, c, sums_place.stride(), place.steps, place.step == 0},
               outgoing);
      if (!last) continue;
      const size_t row = place.row + m * kTile;
      uint8_t* out = static_cast<uint8_t*>(args.out) + (n * out_steps + row / kStepColumns) * kTileBytes;
      outgoing.start({c, sums_place.stride(), row / kTile % 2, out, out_steps * kTileBytes},
                     tokens * Slices::kPerTile);
    }
  }
  outgoing.finish();
}

template <class Format>
void run_gated(const GatedArgs& args) {
  const size_t steps = steps_of(args.gate->cols), block = block_steps(steps);
  uint8_t* panel = static_cast<uint8_t*>(args.scratch);
  uint8_t* sums = panel + panel_bytes(steps);
  const TileState state;
  for (size_t row = args.row_begin; row < args.row_end; row += kGatedRows) {
    for (size_t step = 0; step < steps; step += block) {
      const PanelPlace place{row, min_of(kGatedRows, args.row_end - row), step, min_of(block, steps - step)};
      expand_panel<Format>(*args.gate, place, panel);
      expand_panel<Format>(*args.up, place, panel + kGatedRows * panel_stride(place.steps));
      if (args.form == PackedForm::nibble_tiles)
        multiply_gated<true>(args, place, steps, panel, sums);
      else
        multiply_gated<false>(args, place, steps, panel, sums);
    }
  }
}

}  // namespace
}  // namespace openelm
