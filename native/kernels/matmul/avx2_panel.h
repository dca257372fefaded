#pragma once

// Products for batches of tokens: a panel of weights (16 rows × 256 columns) is unpacked once to i16 and lies
// in the first-level cache while all tokens pass. Two columns of a row are neighbours in it, so that vpmaddwd
// with a broadcast pair of activations gives eight rows at once and nothing is summed across lanes.

#include "kernels/matmul/avx2_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

constexpr size_t kPanelRows = 16;
/// Panels that share one pass over the activations.
constexpr size_t kPanels = 2;
constexpr size_t kTileTokens = 6;

struct Panel {
  alignas(64) int16_t values[kBlockGroups][kGroupColumns / 2][kPanelRows][2];
  alignas(64) float scales[kBlockGroups][kPanelRows];
  alignas(64) float offsets[kBlockGroups][kPanelRows];
};

template <class Format>
inline void unpack_panel(const MatmulArgs& args, size_t row, size_t block, size_t groups, Panel* panel) {
  for (size_t half = 0; half < kPanelRows; half += 8) {
    Format formats[8];
    for (size_t r = 0; r < 8; ++r) {
      // Rows beyond the end repeat the last; their results are dropped.
      formats[r].open(args.w->row(min_of(row + half + r, args.row_end - 1)), block, groups);
      alignas(32) float scale[kBlockGroups];
      _mm256_store_ps(scale, formats[r].scale);
      for (size_t g = 0; g < groups; ++g) panel->scales[g][half + r] = scale[g];
      if (!Format::kOffset) continue;
      _mm256_store_ps(scale, formats[r].offset);
      for (size_t g = 0; g < groups; ++g) panel->offsets[g][half + r] = scale[g];
    }
    for (size_t g = 0; g < groups; ++g) {
      __m256i q[2][8];
      for (size_t r = 0; r < 8; ++r) {
        __m256i both[2];
        formats[r].group(g, both);
        q[0][r] = both[0];
        q[1][r] = both[1];
      }
      for (size_t i = 0; i < 2; ++i) {
        transpose8(q[i]);
        for (size_t k = 0; k < 8; ++k)
          _mm256_store_si256(reinterpret_cast<__m256i*>(panel->values[g][8 * i + k][half]), q[i][k]);
      }
    }
  }
}

/// acc[t][16] += panel · T tokens of one column block.
template <bool offset, int T>
__attribute__((noinline)) void multiply_panel(const Panel& panel, const Integers& a, size_t block,
                                              size_t token, float* acc) {
  const size_t width = a.width(block);
  const int16_t* x = a.at(block, token);
  __m256 part[T][2];
  for (int t = 0; t < T; ++t) part[t][0] = part[t][1] = _mm256_setzero_ps();
  for (size_t g = 0; g < width / kGroupColumns; ++g) {
    __m256i sum[T][2];
    for (int t = 0; t < T; ++t) sum[t][0] = sum[t][1] = _mm256_setzero_si256();
    const int16_t* pairs = x + g * kGroupColumns;
    for (size_t k = 0; k < kGroupColumns / 2; k += 4)
#pragma GCC unroll 4
      for (size_t j = k; j < k + 4; ++j) {
        const __m256i w0 = load_i256(panel.values[g][j][0]), w1 = load_i256(panel.values[g][j][8]);
        for (int t = 0; t < T; ++t) {
          int32_t pair;
          __builtin_memcpy(&pair, pairs + t * width + 2 * j, sizeof pair);
          const __m256i v = _mm256_set1_epi32(pair);
          accumulate(sum[t][0], _mm256_madd_epi16(w0, v));
          accumulate(sum[t][1], _mm256_madd_epi16(w1, v));
        }
      }
    for (int h = 0; h < 2; ++h) {
      const __m256 scale = _mm256_load_ps(panel.scales[g] + 8 * h);
      for (int t = 0; t < T; ++t)
        part[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[t][h]), scale, part[t][h]);
      if (!offset) continue;
      const __m256 constant = _mm256_load_ps(panel.offsets[g] + 8 * h);
      for (int t = 0; t < T; ++t)
        part[t][h] = _mm256_fmadd_ps(_mm256_broadcast_ss(a.sum(block, token + t) + g), constant, part[t][h]);
    }
  }
  for (int t = 0; t < T; ++t) {
    const __m256 scale = _mm256_broadcast_ss(a.scale(block, token + t));
    for (int h = 0; h < 2; ++h) {
      float* y = acc + t * kPanelRows + 8 * h;
      _mm256_store_ps(y, _mm256_fmadd_ps(part[t][h], scale, _mm256_load_ps(y)));
    }
  }
}

template <bool offset>
inline void multiply_panel(int t, const Panel& panel, const Integers& a, size_t block, size_t token,
                           float* acc) {
  switch (t) {
    case 1:
      return multiply_panel<offset, 1>(panel, a, block, token, acc);
    case 2:
      return multiply_panel<offset, 2>(panel, a, block, token, acc);
    case 3:
      return multiply_panel<offset, 3>(panel, a, block, token, acc);
    case 4:
      return multiply_panel<offset, 4>(panel, a, block, token, acc);
    case 5:
      return multiply_panel<offset, 5>(panel, a, block, token, acc);
    default:
      return multiply_panel<offset, 6>(panel, a, block, token, acc);
  }
}

/// Where tile i of `tiles` begins when n tokens are shared out as evenly as can be.
inline size_t tile_begin(size_t n, size_t tiles, size_t i) {
  return n / tiles * i + min_of(n % tiles, i);
}

/// Writes a tile's sums [tokens][16] of one panel to y.
inline void store_panel(const MatmulArgs& args, size_t row, const float* acc) {
  const size_t rows = min_of(kPanelRows, args.row_end - row);
  for (size_t t = 0; t < args.tokens; ++t, acc += kPanelRows) {
    float* y = args.y + t * args.ldy + row;
    for (size_t h = 0; h < rows; h += 8) {
      const __m256i lanes = first_lanes(rows - h);
      __m256 v = _mm256_load_ps(acc + h);
      if (args.accumulate) v = _mm256_add_ps(v, _mm256_maskload_ps(y + h, lanes));
      _mm256_maskstore_ps(y + h, lanes, v);
    }
  }
}

inline size_t panel_scratch_bytes(size_t tokens, size_t /*cols*/) {
  return kPanels * (sizeof(Panel) + tokens * kPanelRows * sizeof(float));
}

template <class Format>
void run_panel(const MatmulArgs& args) {
  const Integers a(args.packed, args.tokens, args.w->cols);
  Panel* panels = static_cast<Panel*>(args.scratch);
  float* acc = reinterpret_cast<float*>(panels + kPanels);  // [panel][tokens][16]
  const size_t tiles = (args.tokens + kTileTokens - 1) / kTileTokens;
  for (size_t row = args.row_begin; row < args.row_end; row += kPanels * kPanelRows) {
    const size_t count = min_of(kPanels, (args.row_end - row + kPanelRows - 1) / kPanelRows);
    __builtin_memset(acc, 0, count * args.tokens * kPanelRows * sizeof(float));
    for (size_t b = 0; b < a.blocks(); ++b) {
      for (size_t p = 0; p < count; ++p)
        unpack_panel<Format>(args, row + p * kPanelRows, b, a.width(b) / kGroupColumns, panels + p);
      for (size_t i = 0; i < tiles; ++i) {
        const size_t first = tile_begin(args.tokens, tiles, i), last = tile_begin(args.tokens, tiles, i + 1);
        for (size_t p = 0; p < count; ++p)
          multiply_panel<Format::kOffset>(static_cast<int>(last - first), panels[p], a, b, first,
                                          acc + (p * args.tokens + first) * kPanelRows);
      }
    }
    for (size_t p = 0; p < count; ++p)
      store_panel(args, row + p * kPanelRows, acc + p * args.tokens * kPanelRows);
  }
}

}  // namespace
}  // namespace openelm
