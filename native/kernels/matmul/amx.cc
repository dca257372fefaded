// Matmul for batches with AMX: up to 16 tokens in tiles of bytes (amx_planes.h), more of them, and types
// without bytes, in tiles of bf16 with f32 sums.
//
// For bf16 weights are dequantized to panels, row-major; activations are packed once a matmul, in pairs of
// columns.
//
// What limits, measured on an Emerald Rapids core at 2.85 GHz (GFLOP/s a core; bench/README.md): 2,800
// multiplying zeros, 2,300 multiplying numbers: the unit itself slows down. 1,700 with A and B from L2, as
// much as L2 delivers. So a panel of dequantized weights stays in L2, three token tiles at a time are
// multiplied with all of it, and sums stay in tiles for as many columns as that allows; rows of more columns
// take several blocks, and sums then rest in scratch as tiles.
//
// Dequantizing is not mixed with products: L2 is what both wait for, and a tile load after more than four
// stores waits until they are done.
//
// Activations and weights are then rounded to bf16, to nearest even.

#include "kernels/matmul/amx_formats.h"
#include "kernels/matmul/amx_gated.h"
#include "kernels/matmul/amx_planes.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Below this many tokens tiles of bf16 are mostly padding, and 16-bit activations are more exact.
constexpr size_t kFewestTokens = 16;

/// Below this many tokens rows are streamed (avx512_stream.h, avx512_decode.h): as fast, or faster.
constexpr size_t kFewestPlanes = 5;

/// A block's sums to y: slices of four tokens of a tile, token tile by token tile of a row tile.
struct SlicesOfY {
  const uint8_t* sums;
  size_t stride;        // bytes between row tiles
  size_t token_tiles;   // of the block
  size_t rows, tokens;  // left from its first on
  bool accumulate;
  float* y;
  size_t ldy;

  static constexpr size_t kPerTile = kTile / kSliceTokens;

  void store(size_t slice) const {
    const size_t tile = slice / kPerTile, row = tile / token_tiles, token = tile % token_tiles;
    const size_t first = token * kTile + slice % kPerTile * kSliceTokens;
    if (first >= tokens) return;
    const uint8_t* from = sums + row * stride + token * kSumsBytes;
    store_slice(reinterpret_cast<const float*>(from) + slice % kPerTile * kSliceTokens, rows - row * kTile,
                tokens - first, accumulate, y + first * ldy + row * kTile, ldy);
  }
};

/// A panel times the activations of its columns; after the last column block sums go to y.
void multiply_panel(const MatmulArgs& args, const PanelPlace& place, size_t steps, const uint8_t* panel,
                    uint8_t* sums) {
  const size_t token_tiles = tiles_of(args.tokens), row_tiles = tiles_of(place.rows);
  const size_t stride = panel_stride(place.steps);
  const bool last = place.step + place.steps == steps;
  SumsPlace sums_place(sums, steps > kMostBlockSteps, token_tiles);
  Outgoing<SlicesOfY> outgoing;
  finish_stores(panel);
  for (size_t n = 0, tokens; n < token_tiles; n += tokens) {
    tokens = block_tokens(token_tiles - n);
    for (size_t m = 0; m < row_tiles; m += 2) {
      const size_t rows = min_of(2, row_tiles - m);
      uint8_t* c = sums_place.next(m, n);
      multiply({rows, tokens, panel + m * kTile * stride, stride, kTile * stride,
                static_cast<const uint8_t*>(args.packed) + (n * steps + place.step) * kTileBytes,
                steps * kTileBytes, c, sums_place.stride(), place.steps, place.step == 0},
               outgoing);
      if (!last) continue;
      outgoing.start({c, sums_place.stride(), tokens, place.rows - m * kTile, args.tokens - n * kTile,
                      args.accumulate, args.y + n * kTile * args.ldy + place.row + m * kTile, args.ldy},
                     rows * tokens * SlicesOfY::kPerTile);
    }
  }
  outgoing.finish();
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

template <class Format, bool half>
constexpr MatmulImpl kPlanes{half ? "i15_half_tiles_amx" : "i15_tiles_amx",
                             Activations::i16,
                             kPlaneTokens,
                             kPlaneRows,
                             PlaneTile<half>::bytes,
                             pack_planes_tile<half>,
                             PlaneScratch::bytes,
                             run_planes<Format, half>};

/// The implementation for few tokens, null where the type has none.
template <bool half>
const MatmulImpl* planes(DType type) {
  switch (type) {
    case DType::q8_0:
      return &kPlanes<PlanesQ8_0, half>;
    case DType::q4_0:
      return &kPlanes<PlaneFormat<BytesQ4_0, BlockQ4_0>, half>;
    case DType::q4_1:
      return &kPlanes<PlaneFormat<BytesQ4_1, BlockQ4_1>, half>;
    case DType::q5_0:
      return &kPlanes<PlaneFormat<BytesQ5_0, BlockQ5_0>, half>;
    case DType::q5_1:
      return &kPlanes<PlaneFormat<BytesQ5_1, BlockQ5_1>, half>;
    case DType::q4_k:
      return &kPlanes<PlaneFormat<BytesQ4_K, BlockQ4_K, kColumnBlock>, half>;
    case DType::q5_k:
      return &kPlanes<PlaneFormat<BytesQ5_K, BlockQ5_K, kColumnBlock>, half>;
    case DType::iq4_nl:
      return &kPlanes<PlaneFormat<BytesIQ4_NL, BlockIQ4_NL>, half>;
    default:
      return nullptr;
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
  if (kFewestPlanes <= tokens && tokens <= kPlaneTokens)
    if (const MatmulImpl* few = tokens <= kHalfTokens ? planes<true>(type) : planes<false>(type)) return few;
  if (tokens < kFewestTokens) return matmul_avx512(type, tokens);
  return for_bf16_format<Tiled>(type);
}

}  // namespace openelm
