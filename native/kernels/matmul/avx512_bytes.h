#pragma once

// Products of block formats with 8-bit activations for batches, where they are asked for (the option
// `activations`): twice the products an instruction of avx512_panel.h, at 8 bits.
//
// Lanes are tokens, weights are unpacked to bytes, row by row, and broadcast four columns at a time, as
// there. Scales stay exact, one for 32 columns of a row and one for 32 columns of a token, so that all that
// is lost is the rounding of activations: eight vpdpbusd for the group of a row and 16 tokens, then two
// multiply-adds (avx512_bytes_pack.h), into f32 sums that stay in registers for 256 columns. 12 dots and 12
// sums, and a latency of five at two a cycle asks for ten dots: 12 × 1, 6 × 2 or 4 × 3 rows and token tiles.
//
// Measured against all that could be saved (Emerald Rapids, one core, operands in L1): 77 % of vpdpbusd's
// peak; with the token's scale for 256 columns and one multiply-add a group 81 %, at 1.3 times the error;
// with a conversion, a product and a multiply-add 70 %.

#include "kernels/matmul/avx512_bytes_pack.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/zmm_bytes.h"
#include "kernels/matmul/zmm_tile.h"

namespace openelm {
namespace {

constexpr size_t kByteTiles = 3;       // token tiles of a block of sums, at most
constexpr size_t kByteBlocks = 12;     // rows × token tiles of a block of sums
constexpr size_t kBytePanelRows = 48;  // whole tiles of 16, whole blocks of 12, 6 and 4

/// Ranges of rows begin at multiples of this, so that only the last one has a block of rows that is not full.
constexpr size_t kByteRows = 16;

/// Working memory of one thread: a panel of weights with their scales, and the sums of all tokens.
struct BytePanel {
  uint8_t values[kBytePanelRows][kColumnBlock];
  float scales[kBytePanelRows][kBlockGroups];
  float offsets[kBytePanelRows][kBlockGroups];

  float* sums() { return reinterpret_cast<float*>(this + 1); }  // [token tile][row][16 tokens]
  static size_t bytes(size_t tokens, size_t /*cols*/) {
    return sizeof(BytePanel) + round_up(tokens, kByteTileTokens) * kBytePanelRows * sizeof(float);
  }
};

/// Adds the products of rows `row` … of the panel by N token tiles over `groups` groups to the sums, or
/// begins them.
template <bool offsets, size_t N>
void multiply_bytes(const BytePanel& panel, size_t row, const ByteGroup* x, size_t groups, bool first,
                    float* sums) {
  constexpr size_t R = kByteBlocks / N;
  __m512 sum[R][N];
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 3
    for (size_t n = 0; n < N; ++n) sum[r][n] = _mm512_setzero_ps();
  for (size_t g = 0; g < groups; ++g) {
    __m512i dot[R][N];
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 3
      for (size_t n = 0; n < N; ++n) dot[r][n] = _mm512_loadu_si512(x[n * groups + g].start);
#pragma GCC unroll 8
    for (size_t q = 0; q < kGroupQuads; ++q) {
      __m512i tokens[N];
#pragma GCC unroll 3
      for (size_t n = 0; n < N; ++n) tokens[n] = _mm512_loadu_si512(x[n * groups + g].values[q]);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        int quad;
        __builtin_memcpy(&quad, panel.values[row + r] + g * kGroupColumns + q * kQuad, sizeof quad);
        const __m512i weights = _mm512_set1_epi32(quad);
#pragma GCC unroll 3
        for (size_t n = 0; n < N; ++n) accumulate_bytes(dot[r][n], weights, tokens[n]);
      }
    }
#pragma GCC unroll 3
    for (size_t n = 0; n < N; ++n) {
      const ByteGroup& tokens = x[n * groups + g];
      const __m512 scale = _mm512_loadu_ps(tokens.scale), shift = _mm512_loadu_ps(tokens.shift);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        const __m512 product = _mm512_fmadd_ps(_mm512_castsi512_ps(dot[r][n]), scale, shift);
        sum[r][n] = _mm512_fmadd_ps(product, _mm512_set1_ps(panel.scales[row + r][g]), sum[r][n]);
        if constexpr (offsets)
          sum[r][n] = _mm512_fmadd_ps(_mm512_loadu_ps(tokens.sum), _mm512_set1_ps(panel.offsets[row + r][g]),
                                      sum[r][n]);
      }
    }
  }
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 3
    for (size_t n = 0; n < N; ++n) {
      float* out = sums + (n * kBytePanelRows + row + r) * kByteTileTokens;
      _mm512_storeu_ps(out, first ? sum[r][n] : _mm512_add_ps(_mm512_loadu_ps(out), sum[r][n]));
    }
}

/// One column block of a panel by all tokens. `between` is called with the first row of every block of rows
/// on the way through the first tokens.
template <bool offsets, class Between>
void multiply_byte_panel(BytePanel& panel, const ByteTiles& a, size_t block, size_t rows,
                         const Between& between) {
  const size_t groups = a.width(block);
  for (size_t tile = 0; tile < a.tiles;) {
    // Of nearly equal size: each block has as many dots in flight, but fewer tiles share a weight less.
    const size_t left = a.tiles - tile, parts = (left + kByteTiles - 1) / kByteTiles;
    const size_t width = (left + parts - 1) / parts;
    const auto multiply = width == 3   ? multiply_bytes<offsets, 3>
                          : width == 2 ? multiply_bytes<offsets, 2>
                                       : multiply_bytes<offsets, 1>;
    for (size_t r = 0; r < rows; r += kByteBlocks / width) {
      if (tile == 0) between(r, kByteBlocks / width);
      multiply(panel, r, a.at(block, tile), groups, block == 0,
               panel.sums() + tile * kBytePanelRows * kByteTileTokens);
    }
    tile += width;
  }
}

/// Column block `block` of a row to place `r` of the panel. A null row is zero.
template <class Format>
void expand_bytes(const uint8_t* row, size_t block, size_t groups, BytePanel& panel, size_t r) {
  if (!row) {
    for (size_t g = 0; g < groups; ++g)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel.values[r] + g * kGroupColumns),
                          _mm256_setzero_si256());
    _mm256_storeu_ps(panel.scales[r], _mm256_setzero_ps());
    _mm256_storeu_ps(panel.offsets[r], _mm256_setzero_ps());
    return;
  }
  Format format;
  format.open(row, block, groups);
  for (size_t g = 0; g < groups; ++g)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel.values[r] + g * kGroupColumns), format.group(g));
  _mm256_storeu_ps(panel.scales[r], format.scale);
  if constexpr (Format::kOffset) _mm256_storeu_ps(panel.offsets[r], format.offset);
}

template <class Format>
void run_bytes(const MatmulArgs& args) {
  const WeightMatrix& w = *args.w;
  const ByteTiles a(args.packed, args.tokens, w.cols);
  BytePanel& panel = *static_cast<BytePanel*>(args.scratch);
  const size_t stride = row_bytes(w.type, w.cols), block_bytes = row_bytes(w.type, kColumnBlock);
  for (size_t row = args.row_begin; row < args.row_end; row += kBytePanelRows) {
    const size_t rows = min_of(kBytePanelRows, args.row_end - row);
    for (size_t block = 0; block * kColumnBlock < w.cols; ++block) {
      for (size_t r = 0; r < round_up(rows, kByteBlocks); ++r)
        expand_bytes<Format>(r < rows ? w.data + (row + r) * stride : nullptr, block, a.width(block), panel,
                             r);
      const bool last = (block + 1) * kColumnBlock >= w.cols;
      const size_t next_row = last ? row + kBytePanelRows : row;
      const size_t next_begin = last ? 0 : (block + 1) * block_bytes;
      multiply_byte_panel<Format::kOffset>(panel, a, block, rows, [&](size_t r, size_t count) {
        if (next_row + r < args.row_end)
          prefetch_rows(w.data + (next_row + r) * stride + next_begin, stride,
                        min_of(count, args.row_end - next_row - r), min_of(block_bytes, stride - next_begin));
      });
    }
    store_panel(args, panel.sums(), kBytePanelRows, row, rows);
  }
}

}  // namespace
}  // namespace openelm
