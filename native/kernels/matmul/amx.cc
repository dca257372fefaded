// Matmul for batches with AMX: bf16 tiles, f32 sums.
//
// A tile product takes 16 weight rows × 32 columns (A, row-major as dequantized) and 32 columns × 16 tokens
// (B, in pairs of columns, packed once a matmul), and adds to 16 × 16 sums (C). TDPBF16PS occupies the unit
// for 16 cycles, blocks of 2 × 2 tiles load 2 A and 2 B for 4 products.
//
// What limits, measured on an Emerald Rapids core at 2.85 GHz (GFLOP/s a core; bench/README.md): 2,800
// multiplying zeros, 2,100 multiplying numbers: the unit itself slows down. 1,700 with A and B from L2, 1,000
// with B from L3. So a panel of dequantized weights and a block of activations (1.3 MB for 512 tokens) stay
// in L2, and sums stay in tiles for as many columns as that allows; splitting columns finer to have panels in
// L1 moves more lines for sums than it saves. Rows of more columns take several blocks, and larger panels, so
// that activations come from L3 less often; sums then rest in scratch as tiles.
//
// Dequantizing costs a fifth of the time at 512 tokens and is not mixed with products: stores of a next panel
// between tile loads cost more than the vector units' idle time gains.
//
// Activations and weights are rounded to bf16, to nearest even.

#include "kernels/matmul/amx_formats.h"
#include "kernels/matmul/amx_tiles.h"
#include "kernels/simd/tile_state.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Below this many tokens tiles are mostly padding, and 16-bit activations are more exact.
constexpr size_t kFewestTokens = 16;
/// Columns of a block, in steps.
constexpr size_t kMostBlockSteps = 40;
/// Row tiles of a panel when a row is one block, and when it is several.
constexpr size_t kRowTiles = 4, kRowTilesOfBlocks = 16;

/// Steps of a column block: as even as multiples of a super-block allow.
size_t block_steps(size_t steps) {
  const size_t blocks = (steps + kMostBlockSteps - 1) / kMostBlockSteps;
  return round_up((steps + blocks - 1) / blocks, kMostSteps);
}

size_t panel_tiles(size_t steps) {
  return steps > kMostBlockSteps ? kRowTilesOfBlocks : kRowTiles;
}

size_t panel_bytes(size_t steps) {
  return panel_tiles(steps) * kTile * panel_stride(block_steps(steps));
}

/// A panel; sums of its tiles between column blocks, or of the four tiles in flight.
size_t scratch_bytes(size_t tokens, size_t cols) {
  const size_t steps = steps_of(cols);
  const size_t sums = steps > kMostBlockSteps ? kRowTilesOfBlocks * tiles_of(tokens) : 4;
  return panel_bytes(steps) + sums * kSumsBytes;
}

/// Operands of a block of at most 2 × 2 tiles of sums.
struct Tiles {
  const uint8_t* a;  // rows a_stride bytes apart
  size_t a_stride;
  const uint8_t* b;  // token tiles b_stride bytes apart
  size_t b_stride;
  uint8_t* c;  // sums: row tiles c_stride bytes apart, token tiles kSumsBytes
  size_t c_stride;
  size_t steps;
  bool first;  // column block: sums start from zero
};

/// Adds the products of A row tiles by B token tiles. C is tiles 0 to 3, A 4 and 5, B 6 and 7.
template <int A, int B>
void multiply_tiles(const Tiles& t) {
  const uint8_t *a = t.a, *b = t.b;
  uint8_t* c = t.c;
  if (t.first) {
    _tile_zero(0);
    if constexpr (B > 1) _tile_zero(1);
    if constexpr (A > 1) _tile_zero(2);
    if constexpr (A > 1 && B > 1) _tile_zero(3);
  } else {
    _tile_loadd(0, c, 64);
    if constexpr (B > 1) _tile_loadd(1, c + kSumsBytes, 64);
    if constexpr (A > 1) _tile_loadd(2, c + t.c_stride, 64);
    if constexpr (A > 1 && B > 1) _tile_loadd(3, c + t.c_stride + kSumsBytes, 64);
  }
  for (size_t s = 0; s < t.steps; ++s, a += kStepBytes, b += kTileBytes) {
    _tile_loadd(4, a, t.a_stride);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (A > 1) {
      _tile_loadd(5, a + kTile * t.a_stride, t.a_stride);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (B > 1) {
      _tile_loadd(7, b + t.b_stride, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (A > 1 && B > 1) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, 64);
  if constexpr (B > 1) _tile_stored(1, c + kSumsBytes, 64);
  if constexpr (A > 1) _tile_stored(2, c + t.c_stride, 64);
  if constexpr (A > 1 && B > 1) _tile_stored(3, c + t.c_stride + kSumsBytes, 64);
}

void multiply(const Tiles& t, bool two_rows, bool two_tokens) {
  if (two_rows && two_tokens)
    multiply_tiles<2, 2>(t);
  else if (two_rows)
    multiply_tiles<2, 1>(t);
  else if (two_tokens)
    multiply_tiles<1, 2>(t);
  else
    multiply_tiles<1, 1>(t);
}

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
      const Tiles t{panel + m * kTile * stride,
                    stride,
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
  for (size_t row = args.row_begin; row < args.row_end; row += panel_tiles(steps) * kTile) {
    const size_t rows = min_of(panel_tiles(steps) * kTile, args.row_end - row);
    for (size_t step = 0; step < steps; step += block) {
      const PanelPlace place{row, rows, step, min_of(block, steps - step)};
      expand_panel<Format>(*args.w, place, panel);
      multiply_panel(args, place, steps, panel, sums);
    }
  }
}

template <class Format>
struct Tiled {
  static constexpr MatmulImpl impl{"bf16_tiles_amx", Activations::bf16,      kTile,         2 * kTile,
                                   packed_bytes,     pack<Format::kNibbles>, scratch_bytes, run<Format>};
};

}  // namespace

const MatmulImpl* matmul_amx(DType type, size_t tokens) {
  if (tokens < kFewestTokens) return matmul_avx512(type, tokens);
  return for_bf16_format<Tiled>(type);
}

}  // namespace openelm
