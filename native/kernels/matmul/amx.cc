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

#include "kernels/matmul/amx_weights.h"
#include "kernels/matmul/matmul.h"
#include "kernels/simd/tile_state.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

constexpr size_t kPanelTiles = 4;
/// Below this many tokens tiles are mostly padding, and 16-bit activations are more exact.
constexpr size_t kFewestTokens = 16;
/// Columns of a block, in steps; for types with super-blocks a whole one.
constexpr size_t kBlockSteps = 6;
static_assert(kMostSteps * kStepColumns == kSuperBlock && kBlockSteps <= kMostSteps);

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
  const __m512i order = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,  //
                                         30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const size_t steps = steps_of(cols);
  for (size_t t = first; t < last; t += kTile) {
    uint8_t* out = static_cast<uint8_t*>(packed) + t / kTile * steps * kTileBytes;
    for (size_t s = 0; s < steps; ++s, out += kTileBytes) {
      __m512i pairs[kTile];
      for (size_t i = 0; i < kTile; ++i) {
        pairs[i] = _mm512_setzero_si512();
        if (t + i < tokens) pairs[i] = load_bf16(x + (t + i) * ldx, s * kStepColumns, cols);
        if constexpr (nibbles) pairs[i] = _mm512_permutexvar_epi16(order, pairs[i]);
      }
      transpose16(pairs);
      for (size_t i = 0; i < kTile; ++i) _mm512_storeu_si512(out + 64 * i, pairs[i]);
    }
  }
}

constexpr size_t kPanelBytes = kPanelTiles * kMostSteps * kTileBytes;
constexpr size_t kSumsBytes = kTile * kTile * sizeof(float);

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

/// The panel times one column block of all tokens.
void multiply_panel(const Tiles& all, size_t row_tiles, size_t token_tiles) {
  for (size_t n = 0; n < token_tiles; n += 2) {
    for (size_t m = 0; m < row_tiles; m += 2) {
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

/// Sums [row][token] of a tile to y [token][row].
void store_tile(const uint8_t* sums, size_t rows, size_t tokens, bool accumulate, float* y, size_t ldy) {
  __m512i v[kTile];
  for (size_t i = 0; i < kTile; ++i) v[i] = _mm512_loadu_si512(sums + 64 * i);
  transpose16(v);
  const __mmask16 lanes = first_lanes(rows);
  for (size_t t = 0; t < tokens && t < kTile; ++t) {
    __m512 sum = _mm512_castsi512_ps(v[t]);
    if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, y + t * ldy));
    _mm512_mask_storeu_ps(y + t * ldy, lanes, sum);
  }
}

/// Rows beyond `rows` become zero.
template <class Format>
void expand_tile(const WeightMatrix& w, size_t row, size_t rows, size_t first_step, size_t steps,
                 uint8_t* out) {
  for (size_t r = 0; r < kTile; ++r, out += 64) {
    if (r < rows) {
      Format::expand(w.row(row + r), first_step * kStepColumns, w.cols, steps, out);
      continue;
    }
    for (size_t s = 0; s < steps; ++s) _mm512_storeu_si512(out + s * kTileBytes, _mm512_setzero_si512());
  }
}

template <class Format, size_t block_steps>
void run(const MatmulArgs& args) {
  const size_t steps = steps_of(args.w->cols), token_tiles = tiles_of(args.tokens);
  uint8_t* panel = static_cast<uint8_t*>(args.scratch);
  uint8_t* sums = panel + kPanelBytes;
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
      multiply_panel({panel, count * kTileBytes, b, steps * kTileBytes, sums, token_tiles * kSumsBytes, count,
                      step == 0},
                     row_tiles, token_tiles);
    }
    for (size_t m = 0; m < row_tiles; ++m)
      for (size_t n = 0; n < token_tiles; ++n)
        store_tile(sums + (m * token_tiles + n) * kSumsBytes, rows - m * kTile, args.tokens - n * kTile,
                   args.accumulate, args.y + n * kTile * args.ldy + row + m * kTile, args.ldy);
  }
}

template <class Format, size_t block_steps = kBlockSteps>
constexpr MatmulImpl kTiles{
    "bf16_tiles_amx", Activations::bf16,      kTile,         2 * kTile,
    packed_bytes,     pack<Format::kNibbles>, scratch_bytes, run<Format, block_steps>};

template <DType type>
constexpr const MatmulImpl* kAny = &kTiles<Bf16FromAny<type>>;
template <DType type>
constexpr const MatmulImpl* kAnySuperBlock = &kTiles<Bf16FromAny<type>, kMostSteps>;

}  // namespace

const MatmulImpl* matmul_amx(DType type, size_t tokens) {
  if (tokens < kFewestTokens) return matmul_avx512(type, tokens);
  switch (type) {
    case DType::f32:
      return &kTiles<Bf16FromF32>;
    case DType::f16:
      return &kTiles<Bf16FromF16>;
    case DType::bf16:
      return &kTiles<Bf16FromBf16>;
    case DType::q8_0:
      return &kTiles<Bf16FromQ8_0>;
    case DType::q4_0:
      return &kTiles<Bf16FromNibbles<BlockQ4_0, kQ4Values>>;
    case DType::iq4_nl:
      return &kTiles<Bf16FromNibbles<BlockIQ4_NL, kIq4Values>>;
    case DType::q4_1:
      return kAny<DType::q4_1>;
    case DType::q5_0:
      return kAny<DType::q5_0>;
    case DType::q5_1:
      return kAny<DType::q5_1>;
    case DType::q2_k:
      return kAnySuperBlock<DType::q2_k>;
    case DType::q3_k:
      return kAnySuperBlock<DType::q3_k>;
    case DType::q4_k:
      return kAnySuperBlock<DType::q4_k>;
    case DType::q5_k:
      return kAnySuperBlock<DType::q5_k>;
    case DType::q6_k:
      return kAnySuperBlock<DType::q6_k>;
  }
  return matmul_avx512(type, tokens);
}

}  // namespace openelm
