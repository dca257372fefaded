#pragma once

// Products for batches of tokens: a panel of weights (16 rows × 256 columns) is unpacked once to i16 and lies
// in the first-level cache while all tokens pass. Two columns of a row are neighbours in it, so that vpmaddwd
// with a broadcast pair of activations gives eight rows at once and nothing is summed across lanes.
//
// Rows are transposed as bytes, four columns at a time, and then widened by shifts: that gives columns 0 and
// 2 as one pair, 1 and 3 as the next, which is the order of Crossed.

#include "kernels/matmul/avx2_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

constexpr size_t kPanelRows = 16;
/// Panels that share one pass over the activations.
constexpr size_t kPanels = 2;
/// Tokens of one pass through the integer kernel: six sums and six partial results stay in registers, and
/// with more tokens the rate is no higher.
constexpr size_t kPanelTokens = 3;
constexpr size_t kGroupPairs = kGroupColumns / 2;

struct Panel {
  alignas(64) int16_t values[kBlockGroups][kGroupPairs][kPanelRows][2];
  alignas(64) float scales[kBlockGroups][kPanelRows];
  alignas(64) float offsets[kBlockGroups][kPanelRows];
};

/// Where the rows of a range lie. Their distance is worked out once: it takes a division, and panels ask for
/// many rows.
struct Rows {
  const uint8_t* data;
  size_t stride, end;

  explicit Rows(const MatmulArgs& args)
      : data(args.w->data), stride(row_bytes(args.w->type, args.w->cols)), end(args.row_end) {}
  /// Rows beyond the end repeat the last.
  const uint8_t* at(size_t row) const { return data + min_of(row, end - 1) * stride; }
};

/// [row][group] to [group][row] for eight rows from column `half` on.
inline void store_transposed(__m256 rows[8], size_t half, float (*dst)[kPanelRows]) {
  __m256i v[8];
  for (size_t r = 0; r < 8; ++r) v[r] = _mm256_castps_si256(rows[r]);
  transpose8(v);
  for (size_t g = 0; g < kBlockGroups; ++g)
    _mm256_store_si256(reinterpret_cast<__m256i*>(dst[g] + half), v[g]);
}

/// Fine scales of eight rows, twice each, as panels have columns.
struct FineScales {
  alignas(32) int16_t values[2 * kBlockGroups][8][2];

  template <class Format>
  void read(const Format formats[8]) {
    for (size_t r = 0; r < 8; ++r)
      for (size_t i = 0; i < 2 * kBlockGroups; ++i) values[i][r][0] = values[i][r][1] = formats[r].fine(i);
  }
};

template <class Format>
inline void unpack_group(const Format formats[8], const FineScales& fine, size_t g, size_t half,
                         Panel* panel) {
  __m256i v[8];
#pragma GCC unroll 8
  for (size_t r = 0; r < 8; ++r) v[r] = formats[r].bytes(g);
  transpose8(v);
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; ++i) {
    __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(v[i], 8), 8), odd = _mm256_srai_epi16(v[i], 8);
    if constexpr (Format::kFine) {
      const __m256i factor = load_i256(fine.values[2 * g + i / 4]);
      even = _mm256_mullo_epi16(even, factor);
      odd = _mm256_mullo_epi16(odd, factor);
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel->values[g][2 * i][half]), even);
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel->values[g][2 * i + 1][half]), odd);
  }
}

template <class Format>
inline void unpack_panel(const Rows& rows, size_t row, size_t block, size_t groups, Panel* panel) {
  for (size_t half = 0; half < kPanelRows; half += 8) {
    Format formats[8];
    BlockReader<Format> blocks[8];
    __m256 scales[8], offsets[8];
    for (size_t r = 0; r < 8; ++r) {
      formats[r].open(blocks[r](rows.at(row + half + r), block, groups));
      scales[r] = formats[r].scale;
      if (Format::kOffset) offsets[r] = formats[r].offset;
    }
    store_transposed(scales, half, panel->scales);
    if (Format::kOffset) store_transposed(offsets, half, panel->offsets);
    FineScales fine;
    if constexpr (Format::kFine) fine.read(formats);
    if (groups == kBlockGroups) {
      // Unrolled, because formats find a group's bits by shifts that are constants then.
#pragma GCC unroll 8
      for (size_t g = 0; g < kBlockGroups; ++g) unpack_group(formats, fine, g, half, panel);
    } else {
      for (size_t g = 0; g < groups; ++g) unpack_group(formats, fine, g, half, panel);
    }
  }
}

/// Two activations of a token.
using Pair = int32_t __attribute__((may_alias));

/// sum = products of a pair with two vectors of weights.
inline void set_products(__m256i sum[2], __m256i w0, __m256i w1, const int16_t* pair) {
  const __m256i v = _mm256_set1_epi32(*reinterpret_cast<const Pair*>(pair));
  sum[0] = _mm256_madd_epi16(w0, v);
  sum[1] = _mm256_madd_epi16(w1, v);
}

/// sum += products of a pair with two vectors of weights, in this order: left to itself GCC computes many
/// products before it adds any, and keeps sums in memory.
inline void add_products(__m256i sum[2], __m256i w0, __m256i w1, const int16_t* pair) {
  const Pair& both = *reinterpret_cast<const Pair*>(pair);
#if defined(__GNUC__)
  __m256i v, product;
  __asm__ volatile(
      "vpbroadcastd %4, %2\n\t"
      "vpmaddwd %2, %5, %3\n\t"
      "vpmaddwd %2, %6, %2\n\t"
      "vpaddd %3, %0, %0\n\t"
      "vpaddd %2, %1, %1"
      : "+x"(sum[0]), "+x"(sum[1]), "=&x"(v), "=&x"(product)
      : "m"(both), "x"(w0), "x"(w1));
#else
  const __m256i v = _mm256_set1_epi32(both);
  sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(w0, v));
  sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(w1, v));
#endif
}

/// acc[t][16] += panel · T tokens of one column block.
template <bool offset, int T>
__attribute__((noinline)) void multiply_panel(const Panel& panel, const Crossed* x, size_t groups,
                                              float* acc) {
  __m256 part[T][2];
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) part[t][0] = part[t][1] = _mm256_setzero_ps();
  for (size_t g = 0; g < groups; ++g) {
    __m256i sum[T][2];
    const int16_t* values = x->values + g * kGroupColumns;
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroupPairs; ++j) {
      const __m256i w0 = load_i256(panel.values[g][j][0]), w1 = load_i256(panel.values[g][j][8]);
#pragma GCC unroll 4
      for (size_t t = 0; t < T; ++t) {
        const int16_t* pair = values + t * (sizeof(Crossed) / sizeof(int16_t)) + 2 * j;
        if (j == 0)
          set_products(sum[t], w0, w1, pair);
        else
          add_products(sum[t], w0, w1, pair);
      }
    }
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t)
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h)
        part[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[t][h]), _mm256_load_ps(panel.scales[g] + 8 * h),
                                     part[t][h]);
  }
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    const __m256 scale = _mm256_broadcast_ss(&x[t].scale);
    for (int h = 0; h < 2; ++h) {
      float* y = acc + t * kPanelRows + 8 * h;
      __m256 total = _mm256_fmadd_ps(part[t][h], scale, _mm256_load_ps(y));
      if (offset)
        for (size_t g = 0; g < groups; ++g)
          total = _mm256_fmadd_ps(_mm256_broadcast_ss(x[t].sums + g),
                                  _mm256_load_ps(panel.offsets[g] + 8 * h), total);
      _mm256_store_ps(y, total);
    }
  }
}

template <bool offset>
inline void multiply_panel(size_t tokens, const Panel& panel, const Crossed* x, size_t groups, float* acc) {
  switch (tokens) {
    case 1:
      return multiply_panel<offset, 1>(panel, x, groups, acc);
    case 2:
      return multiply_panel<offset, 2>(panel, x, groups, acc);
    default:
      return multiply_panel<offset, 3>(panel, x, groups, acc);
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

/// Asks for the weights of the panels to be unpacked next: their rows lie too far apart for the processor to
/// foresee.
template <class Format>
inline void prefetch_panels(const Rows& rows, size_t row, size_t block) {
  const size_t last = min_of(row + kPanels * kPanelRows, rows.end);
  for (; row < last; ++row) {
    const char* p = reinterpret_cast<const char*>(rows.at(row) + block * Format::kBytes);
    for (size_t i = 0; i < Format::kBytes; i += 64) _mm_prefetch(p + i, _MM_HINT_T0);
  }
}

template <class Format>
void run_panel(const MatmulArgs& args) {
  const Activation<Crossed> a(args.packed, args.tokens, args.w->cols);
  const Rows rows(args);
  Panel* panels = static_cast<Panel*>(args.scratch);
  float* acc = reinterpret_cast<float*>(panels + kPanels);  // [panel][tokens][16]
  const size_t tiles = (args.tokens + kPanelTokens - 1) / kPanelTokens;
  for (size_t row = args.row_begin; row < args.row_end; row += kPanels * kPanelRows) {
    const size_t count = min_of(kPanels, (args.row_end - row + kPanelRows - 1) / kPanelRows);
    __builtin_memset(acc, 0, count * args.tokens * kPanelRows * sizeof(float));
    for (size_t b = 0; b < a.blocks(); ++b) {
      for (size_t p = 0; p < count; ++p)
        unpack_panel<Format>(rows, row + p * kPanelRows, b, a.groups(b), panels + p);
      if (b + 1 < a.blocks())
        prefetch_panels<Format>(rows, row, b + 1);
      else
        prefetch_panels<Format>(rows, row + kPanels * kPanelRows, 0);
      for (size_t i = 0; i < tiles; ++i) {
        const size_t first = tile_begin(args.tokens, tiles, i), last = tile_begin(args.tokens, tiles, i + 1);
        for (size_t p = 0; p < count; ++p)
          multiply_panel<Format::kOffset>(last - first, panels[p], a.at(b, first), a.groups(b),
                                          acc + (p * args.tokens + first) * kPanelRows);
      }
    }
    for (size_t p = 0; p < count; ++p)
      store_panel(args, row + p * kPanelRows, acc + p * args.tokens * kPanelRows);
  }
}

}  // namespace
}  // namespace openelm
