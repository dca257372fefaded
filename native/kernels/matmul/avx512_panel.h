#pragma once

// Products of block formats for batches: panels of weights as integers of one scale for 128 columns, so that
// vpdpwssd sums 128 columns before anything is converted.
//
// Group scales are folded into the integers: w ≈ W · s with |W| ≤ 4096 and one s for 128 columns of a row,
// x ≈ X · t with |X| ≤ 4095 and one t for 128 columns of a token. 128 · 4096 · 4095 < 2^31, so sums are
// exact. What is lost is a 13th bit of the largest of 128 weights and activations, less than half of what
// bf16 loses, and a conversion, a product and a multiply-add are paid once for 64 vpdpwssd rather than
// for 16.
//
// Lanes are tokens: activations are packed in tiles of 16 tokens, in pairs of columns; weights lie row by row
// and are broadcast pair by pair, so they need no transposition. A pair of columns of a block of 8 rows × 48
// tokens takes 3 loads, 8 broadcast loads and 24 vpdpwssd into 24 sums. A column block of 48 tokens (12 KiB)
// and of 64 rows (16 KiB) stays in L1. Between column blocks f32 sums rest in scratch; they are transposed
// into y once, at the end.

#include "kernels/matmul/avx512_rows.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/zmm_tile.h"

namespace openelm {
namespace {

constexpr size_t kTileTokens = 16;
constexpr size_t kGroupTiles = 3;  // token tiles of a block of sums
constexpr size_t kGroupRows = 8;   // rows of a block of sums
constexpr size_t kPanelRows = 64;

/// Packed activations: [column block of 128][tile of 16 tokens] of values [pair][token][2] i16, zeros beyond
/// tokens, then of scales [token] f32.
struct TokenTiles {
  int16_t* values;
  float* scales;
  size_t tokens, tiles, cols;

  TokenTiles(const void* packed, size_t tokens, size_t cols)
      : tokens(tokens), tiles((tokens + kTileTokens - 1) / kTileTokens), cols(cols) {
    values = const_cast<int16_t*>(static_cast<const int16_t*>(packed));
    scales = reinterpret_cast<float*>(values + tiles * kTileTokens * cols);
  }
  static size_t bytes(size_t tokens, size_t cols) {
    const size_t padded = round_up(tokens, kTileTokens);
    return padded * (cols * sizeof(int16_t) + (cols + kScaleColumns - 1) / kScaleColumns * sizeof(float));
  }
  /// Whether the last tile has at most 8 tokens, so that half of its lanes do.
  bool ends_in_half() const { return (tokens - 1) % kTileTokens < kTileTokens / 2; }
  size_t width(size_t block) const { return min_of(kScaleColumns, cols - block * kScaleColumns); }
  int16_t* at(size_t block, size_t tile) const {
    return values + (block * kScaleColumns * tiles + tile * width(block)) * kTileTokens;
  }
  float* scale(size_t block, size_t tile) const { return scales + (block * tiles + tile) * kTileTokens; }
};

/// Packs whole tiles; `first` is a multiple of 16.
template <Order order>
void pack_tiles(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                void* packed) {
  constexpr float kRange = 4095.0f;
  constexpr float kSmallest = 0x1p-110f;  // the inverse of a smaller scale would overflow
  const TokenTiles a(packed, tokens, cols);
  for (size_t t = first; t < last; t += kTileTokens) {
    for (size_t column = 0, block = 0; column < cols; column += kScaleColumns, ++block) {
      const size_t width = a.width(block), tile = t / kTileTokens;
      alignas(64) float inverse[kTileTokens];
      for (size_t i = 0; i < kTileTokens; ++i) {
        const float largest =
            t + i < tokens ? largest_magnitude(x + (t - first + i) * ldx + column, width) : 0.0f;
        a.scale(block, tile)[i] = largest < kSmallest ? 0.0f : largest / kRange;
        inverse[i] = largest < kSmallest ? 0.0f : kRange / largest;
      }
      int16_t* out = a.at(block, tile);
      for (size_t k = 0; k < width; k += kGroupColumns) {
        __m512i pairs[kTileTokens];
        for (size_t i = 0; i < kTileTokens; ++i) {
          pairs[i] = _mm512_setzero_si512();
          if (t + i >= tokens) continue;
          pairs[i] = round_group(x + (t - first + i) * ldx + column + k, _mm512_set1_ps(inverse[i]));
          if constexpr (order == Order::nibbles)
            pairs[i] = _mm512_permutexvar_epi16(nibble_order(), pairs[i]);
        }
        transpose16(pairs);
        for (size_t i = 0; i < kTileTokens; ++i, out += 2 * kTileTokens) _mm512_storeu_si512(out, pairs[i]);
      }
    }
  }
}

/// Adds the products of 8 rows (kScaleColumns apart) by N token tiles over `pairs` pairs of columns to the
/// sums, a token tile's being kPanelRows × 16 apart; or begins them.
template <int N>
void multiply_rows(const int16_t* w, const float* row_scales, const int16_t* x, const float* token_scales,
                   size_t pairs, bool first, float* sums) {
  __m512i dot[kGroupRows][N];
#pragma GCC unroll 8
  for (size_t r = 0; r < kGroupRows; ++r)
#pragma GCC unroll 3
    for (size_t n = 0; n < N; ++n) dot[r][n] = _mm512_setzero_si512();
  for (size_t p = 0; p < pairs; ++p) {
    __m512i tokens[N];
#pragma GCC unroll 3
    for (size_t n = 0; n < N; ++n) tokens[n] = _mm512_loadu_si512(x + (n * pairs + p) * 2 * kTileTokens);
#pragma GCC unroll 8
    for (size_t r = 0; r < kGroupRows; ++r) {
      int pair;
      __builtin_memcpy(&pair, w + r * kScaleColumns + 2 * p, sizeof pair);
      const __m512i both = _mm512_set1_epi32(pair);
#pragma GCC unroll 3
      for (size_t n = 0; n < N; ++n) accumulate_dot(dot[r][n], tokens[n], both);
    }
  }
#pragma GCC unroll 3
  for (size_t n = 0; n < N; ++n) {
    const __m512 token_scale = _mm512_loadu_ps(token_scales + n * kTileTokens);
#pragma GCC unroll 8
    for (size_t r = 0; r < kGroupRows; ++r) {
      float* sum = sums + (n * kPanelRows + r) * kTileTokens;
      const __m512 before = first ? _mm512_setzero_ps() : _mm512_loadu_ps(sum);
      const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(dot[r][n]), token_scale);
      _mm512_storeu_ps(sum, _mm512_fmadd_ps(product, _mm512_set1_ps(row_scales[r]), before));
    }
  }
}

/// multiply_rows for the lower 8 tokens of a tile. Processors that issue 256-bit instructions twice as often
/// do it in half the time. Two sums a row keep enough dots in flight.
inline void multiply_half(const int16_t* w, const float* row_scales, const int16_t* x,
                          const float* token_scales, size_t pairs, bool first, float* sums) {
  constexpr size_t kChains = 2;
  __m256i dot[kGroupRows][kChains];
#pragma GCC unroll 8
  for (size_t r = 0; r < kGroupRows; ++r) dot[r][0] = dot[r][1] = _mm256_setzero_si256();
  for (size_t p = 0; p < pairs; p += kChains) {
#pragma GCC unroll 2
    for (size_t c = 0; c < kChains; ++c) {
      const __m256i tokens = load_i256(x + (p + c) * 2 * kTileTokens);
#pragma GCC unroll 8
      for (size_t r = 0; r < kGroupRows; ++r)
        accumulate_dot(dot[r][c], tokens, w + r * kScaleColumns + 2 * (p + c));
    }
  }
  const __m256 token_scale = _mm256_loadu_ps(token_scales);
#pragma GCC unroll 8
  for (size_t r = 0; r < kGroupRows; ++r) {
    float* sum = sums + r * kTileTokens;
    const __m256 before = first ? _mm256_setzero_ps() : _mm256_loadu_ps(sum);
    const __m256 total = _mm256_cvtepi32_ps(_mm256_add_epi32(dot[r][0], dot[r][1]));
    _mm256_storeu_ps(
        sum, _mm256_fmadd_ps(_mm256_mul_ps(total, token_scale), _mm256_set1_ps(row_scales[r]), before));
  }
}

/// Working memory of one thread: a panel, its scales, and the sums of all tokens.
struct Panel {
  int16_t values[2][kPanelRows][kScaleColumns];  // of the two column blocks that are expanded at once
  float scales[2][kPanelRows];

  float* sums() { return reinterpret_cast<float*>(this + 1); }  // [token tile][row][16 tokens]
  static size_t bytes(size_t tokens, size_t /*cols*/) {
    return sizeof(Panel) + round_up(tokens, kTileTokens) * kPanelRows * sizeof(float);
  }
};

/// One column block of a panel by all tokens. `between` is called with the first row of every block of rows
/// on the way through the first tokens.
template <class Between>
void multiply_panel(Panel& panel, size_t half, const TokenTiles& a, size_t block, size_t rows,
                    const Between& between) {
  const size_t pairs = a.width(block) / 2, full = a.tiles - (a.ends_in_half() ? 1 : 0);
  for (size_t tile = 0; tile < a.tiles;) {
    // Groups of nearly equal size: 2 and 2 keep more dots in flight than 3 and 1. 0 is the half tile.
    const size_t left = full - min_of(full, tile), groups = (left + kGroupTiles - 1) / kGroupTiles;
    const size_t width = left == 0 ? 0 : (left + groups - 1) / groups;
    const auto multiply = width == 3   ? multiply_rows<3>
                          : width == 2 ? multiply_rows<2>
                          : width == 1 ? multiply_rows<1>
                                       : multiply_half;
    for (size_t r = 0; r < rows; r += kGroupRows) {
      if (tile == 0) between(r);
      multiply(panel.values[half][r], panel.scales[half] + r, a.at(block, tile), a.scale(block, tile), pairs,
               block == 0, panel.sums() + (tile * kPanelRows + r) * kTileTokens);
    }
    tile += width == 0 ? 1 : width;
  }
}

template <class Format>
void run_panels(const MatmulArgs& args) {
  const WeightMatrix& w = *args.w;
  const TokenTiles a(args.packed, args.tokens, w.cols);
  Panel& panel = *static_cast<Panel*>(args.scratch);
  const size_t stride = row_bytes(w.type, w.cols), block_bytes = row_bytes(w.type, kColumnBlock);
  for (size_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    const size_t rows = min_of(kPanelRows, args.row_end - row);
    for (size_t column = 0, block = 0; column < w.cols; column += kColumnBlock, block += 2) {
      const size_t width = min_of(kColumnBlock, w.cols - column), groups = width / kGroupColumns;
      for (size_t r = 0; r < round_up(rows, kGroupRows); ++r)
        expand_row<Format>(r < rows ? w.data + (row + r) * stride : nullptr, column / kColumnBlock, groups,
                           panel.values[0][r], panel.values[1][r], &panel.scales[0][r], &panel.scales[1][r]);
      const bool last = column + kColumnBlock >= w.cols;
      const size_t next_row = last ? row + kPanelRows : row;
      const size_t next_begin = last ? 0 : (column / kColumnBlock + 1) * block_bytes;
      multiply_panel(panel, 0, a, block, rows, [&](size_t r) {
        if (next_row + r < args.row_end)
          prefetch_rows(w.data + (next_row + r) * stride + next_begin, stride,
                        min_of(kGroupRows, args.row_end - next_row - r),
                        min_of(block_bytes, stride - next_begin));
      });
      if (width > kScaleColumns) multiply_panel(panel, 1, a, block + 1, rows, [](size_t) {});
    }
    store_panel(args, panel.sums(), kPanelRows, row, rows);
  }
}

}  // namespace
}  // namespace openelm
