// Matmul for batches with AMX: bf16 tiles, f32 sums.
//
// Weights are dequantized to panels, row-major; activations are packed once a matmul, in pairs of columns.
//
// What limits, measured on an Emerald Rapids core at 2.85 GHz (GFLOP/s a core; bench/README.md): 2,800
// multiplying zeros, 2,300 multiplying numbers: the unit itself slows down. 1,700 with A and B from L2, as
// much as L2 delivers. So a panel of dequantized weights stays in L2, a pair of token tiles is multiplied
// with all of it, and sums stay in tiles for as many columns as that allows; rows of more columns take
// several blocks, and sums then rest in scratch as tiles.
//
// Dequantizing is not mixed with products: L2 is what both wait for, and a tile load after more than four
// stores waits until they are done.
//
// Activations and weights are rounded to bf16, to nearest even.

#include "kernels/matmul/amx_formats.h"
#include "kernels/matmul/amx_gated.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Below this many tokens tiles are mostly padding, and 16-bit activations are more exact.
constexpr size_t kFewestTokens = 16;

/// A panel times the activations of its columns; after the last column block sums go to y.
void multiply_panel(const MatmulArgs& args, const PanelPlace& place, size_t steps, const uint8_t* panel,
                    uint8_t* sums) {
  const size_t token_tiles = tiles_of(args.tokens), row_tiles = tiles_of(place.rows);
  const size_t stride = panel_stride(place.steps);
  const bool blocks = steps > kMostBlockSteps, last = place.step + place.steps == steps;
  const size_t c_stride = (blocks ? token_tiles : 2) * kSumsBytes;
  finish_stores(panel);
  for (size_t n = 0; n < token_tiles; n += 2) {
    for (size_t m = 0; m < row_tiles; m += 2) {
      const TileBlock t{panel + m * kTile * stride,
                        stride,
                        kTile * stride,
                        static_cast<const uint8_t*>(args.packed) + (n * steps + place.step) * kTileBytes,
                        steps * kTileBytes,
                        blocks ? sums + m * c_stride + n * kSumsBytes : sums,
                        c_stride,
                        place.steps,
                        place.step == 0};
      const size_t rows = min_of(2, row_tiles - m), tokens = min_of(2, token_tiles - n);
      multiply(t, rows == 2, tokens == 2);
      if (!last) continue;
      for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < tokens; ++j)
          store_tile(reinterpret_cast<const float*>(t.c + i * c_stride + j * kSumsBytes),
                     place.rows - (m + i) * kTile, args.tokens - (n + j) * kTile, args.accumulate,
                     args.y + (n + j) * kTile * args.ldy + place.row + (m + i) * kTile, args.ldy);
    }
  }
}

template <class Format>
void run(const MatmulArgs& args) {
  const size_t steps = steps_of(args.w->cols), block = block_steps(steps);
  uint8_t* panel = static_cast<uint8_t*>(args.scratch);
  uint8_t* sums = panel + panel_bytes(steps);
  const TileState state;
  for (size_t row = args.row_begin; row < args.row_end; row += kRowTiles * kTile) {
    const size_t rows = min_of(kRowTiles * kTile, args.row_end - row);
    for (size_t step = 0; step < steps; step += block) {
      const PanelPlace place{row, rows, step, min_of(block, steps - step)};
      expand_panel<Format>(*args.w, place, panel);
      multiply_panel(args, place, steps, panel, sums);
    }
  }
}

template <class Format>
struct Tiled {
  static constexpr MatmulImpl impl{
      "bf16_tiles_amx", Activations::bf16, kTile,
      2 * kTile,        packed_bytes,      pack<Format::kNibbles>,
      scratch_bytes,    run<Format>,       Format::kNibbles ? PackedForm::nibble_tiles : PackedForm::tiles,
      run_gated<Format>};
};

}  // namespace

const MatmulImpl* matmul_amx(DType type, size_t tokens) {
  if (tokens < kFewestTokens) return matmul_avx512(type, tokens);
  return for_bf16_format<Tiled>(type);
}

}  // namespace openelm
