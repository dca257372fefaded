// Matmul for batches with AMX: bf16 tiles, f32 sums.
//
// A tile product takes 16 weight rows × 32 columns (A, row-major as dequantized) and 32 columns × 16 tokens
// (B, in pairs of columns, packed once a matmul), and adds to 16 × 16 sums (C). TDPBF16PS occupies the unit
// for 16 cycles. Blocks of 2 × 2 tiles load 2 A and 2 B for 4 products: 64 lines in 64 cycles, half of what
// L1 delivers. A panel of 64 rows × 192 columns (24 KiB) and a block of B for 32 tokens (12 KiB) stay in L1
// together with the sums in flight (8 KiB), so B comes from L2 once for the panel's two pairs of row tiles:
// with the sums 20 KiB in 768 cycles, 27 bytes a cycle. Between column blocks the sums rest in scratch as
// tiles (a load and a store for every 6 products of a tile); they are transposed into y once, at the end.
//
// Dequantizing Q8_0 costs about 10 vector instructions (5 cycles) a step of 32 columns and row, 2 K cycles a
// panel, against 768 cycles of products for every 32 tokens: a seventh of the time at 512 tokens, 40 % at
// 128. Q4_0 costs two thirds of that.
//
// Activations and weights are rounded to bf16, to nearest even.

#include "kernels/matmul/amx_formats.h"
#include "kernels/matmul/amx_tiles.h"
#include "kernels/simd/tile_state.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

constexpr size_t kPanelTiles = 4;
/// Below this many tokens tiles are mostly padding, and 16-bit activations are more exact.
constexpr size_t kFewestTokens = 16;
/// Columns of a block, in steps, for types that have no super-blocks.
constexpr size_t kBlockSteps = 6;

constexpr size_t kPanelBytes = kPanelTiles * kMostSteps * kTileBytes;
/// A panel [row tile][step][16 rows][32] bf16, then sums [row tile][token tile][16 rows][16 tokens] f32.
size_t scratch_bytes(size_t tokens, size_t /*cols*/) {
  return kPanelBytes + kPanelTiles * tiles_of(tokens) * kSumsBytes;
}

/// One matmul's operands in tiles.
struct Tiles {
  const uint8_t* a;  // panel: tiles a_stride bytes apart
  size_t a_stride;
  const uint8_t* b;  // activations of a column block: tiles b_stride bytes apart
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
  for (size_t s = 0; s < t.steps; ++s, a += kTileBytes, b += kTileBytes) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (A > 1) {
      _tile_loadd(5, a + t.a_stride, 64);
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

/// The panel times one column block of all tokens. `between` is called with the first row of every pair of
/// row tiles on the way through the first tokens.
template <class Between>
void multiply_panel(const Tiles& all, size_t row_tiles, size_t token_tiles, const Between& between) {
  for (size_t n = 0; n < token_tiles; n += 2) {
    for (size_t m = 0; m < row_tiles; m += 2) {
      if (n == 0) between(m * kTile);
      Tiles t = all;
      t.a += m * t.a_stride;
      t.b += n * t.b_stride;
      t.c += m * t.c_stride + n * kSumsBytes;
      const bool two_rows = m + 1 < row_tiles, two_tokens = n + 1 < token_tiles;
      if (two_rows && two_tokens)
        multiply_tiles<2, 2>(t);
      else if (two_rows)
        multiply_tiles<2, 1>(t);
      else if (two_tokens)
        multiply_tiles<1, 2>(t);
      else
        multiply_tiles<1, 1>(t);
    }
  }
}

template <class Format, size_t block_steps>
void run(const MatmulArgs& args) {
  const size_t steps = steps_of(args.w->cols), token_tiles = tiles_of(args.tokens);
  uint8_t* panel = static_cast<uint8_t*>(args.scratch);
  uint8_t* sums = panel + kPanelBytes;
  const size_t stride = row_bytes(args.w->type, args.w->cols);
  const size_t block_bytes = row_bytes(args.w->type, block_steps * kStepColumns);
  const TileState state;
  for (size_t row = args.row_begin; row < args.row_end; row += kPanelTiles * kTile) {
    const size_t rows = min_of(kPanelTiles * kTile, args.row_end - row), row_tiles = tiles_of(rows);
    for (size_t step = 0; step < steps; step += block_steps) {
      const size_t count = min_of(block_steps, steps - step);
      for (size_t m = 0; m < row_tiles; ++m)
        expand_tile<Format>(*args.w, row + m * kTile, rows - m * kTile, step, count,
                            panel + m * count * kTileBytes);
      finish_stores(panel);
      const uint8_t* b = static_cast<const uint8_t*>(args.packed) + step * kTileBytes;
      const bool last = step + count >= steps;
      const size_t next_row = last ? row + kPanelTiles * kTile : row, next_step = last ? 0 : step + count;
      const size_t next_begin = row_bytes(args.w->type, next_step * kStepColumns);
      const size_t next_bytes = min_of(block_bytes, stride - next_begin);
      multiply_panel({panel, count * kTileBytes, b, steps * kTileBytes, sums, token_tiles * kSumsBytes, count,
                      step == 0},
                     row_tiles, token_tiles, [&](size_t r) {
                       if (next_row + r < args.row_end)
                         prefetch_rows(args.w->data + (next_row + r) * stride + next_begin, stride,
                                       min_of(2 * kTile, args.row_end - next_row - r), next_bytes);
                     });
    }
    for (size_t m = 0; m < row_tiles; ++m)
      for (size_t n = 0; n < token_tiles; ++n)
        store_tile(reinterpret_cast<const float*>(sums + (m * token_tiles + n) * kSumsBytes),
                   rows - m * kTile, args.tokens - n * kTile, args.accumulate,
                   args.y + n * kTile * args.ldy + row + m * kTile, args.ldy);
  }
}

template <class Format, size_t block_steps>
struct Tiled {
  static constexpr MatmulImpl impl{
      "bf16_tiles_amx", Activations::bf16,      kTile,         2 * kTile,
      packed_bytes,     pack<Format::kNibbles>, scratch_bytes, run<Format, block_steps>};
};

}  // namespace

const MatmulImpl* matmul_amx(DType type, size_t tokens) {
  if (tokens < kFewestTokens) return matmul_avx512(type, tokens);
  return for_bf16_format<Tiled, kBlockSteps>(type);
}

}  // namespace openelm
