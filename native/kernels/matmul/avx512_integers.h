#pragma once

// Products of block formats with 15-bit activations: rows are streamed for few tokens (decode), and unpacked
// once into panels for many (prefill).

#include "kernels/matmul/avx512_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// One row by T tokens, T ≤ 4, straight from the file's blocks: one stream of weights, as prefetchers like
/// it.
///
/// Vector instructions a group of 32 columns: Q8_0 1 widening + T · 3 (dot, convert, multiply-add), Q4_0 2 +
/// T · 3. Scales cost about half of one more. On two 512-bit ports one token is thus 2.3 cycles for 34 bytes
/// of Q8_0 and 2.8 for 18 of Q4_0: 37 and 16 GB/s a core at 2.5 GHz. Loads (weights, activations, scales: 3 a
/// group) stay below two a cycle. Two sums a token keep the multiply-adds' latency off the path.
template <class Format, int T>
void stream_row(const MatmulArgs& args, size_t row) {
  constexpr int kChains = 2;
  const Integers a(args.packed, args.tokens, args.w->cols);
  const uint8_t* data = args.w->row(row);
  __m512 sum[T][kChains];
  __m256 offsets[T];
  for (int t = 0; t < T; ++t) {
    for (int c = 0; c < kChains; ++c) sum[t][c] = _mm512_setzero_ps();
    offsets[t] = _mm256_setzero_ps();
  }
  for (size_t b = 0; b < a.blocks(); ++b) {
    const size_t groups = a.width(b) / kGroupColumns;
    Format format;
    alignas(32) float scales[T][kBlockGroups];
    format.open(data, b, groups);
    for (int t = 0; t < T; ++t) {
      const size_t token = static_cast<size_t>(t);
      const __m256 scale = _mm256_set1_ps(*a.scale(b, token));
      _mm256_store_ps(scales[t], _mm256_mul_ps(format.scale, scale));
      if constexpr (Format::kOffset) {
        const __m256 sums = _mm256_mul_ps(_mm256_loadu_ps(a.sum(b, token)), scale);
        offsets[t] = _mm256_fmadd_ps(format.offset, sums, offsets[t]);
      }
    }
    const auto add_group = [&](size_t g, int chain) {
      const __m512i q = format.group(g);
      for (int t = 0; t < T; ++t) {
        const __m512i x = _mm512_loadu_si512(a.at(b, static_cast<size_t>(t)) + g * kGroupColumns);
        const __m512 dot = _mm512_cvtepi32_ps(_mm512_dpwssd_epi32(_mm512_setzero_si512(), q, x));
        sum[t][chain] = _mm512_fmadd_ps(dot, _mm512_set1_ps(scales[t][g]), sum[t][chain]);
      }
    };
    if (groups == kBlockGroups) {
#pragma GCC unroll 8
      for (int g = 0; g < static_cast<int>(kBlockGroups); ++g) add_group(static_cast<size_t>(g), g % kChains);
    } else {
      for (size_t g = 0; g < groups; ++g) add_group(g, 0);
    }
  }
  for (int t = 0; t < T; ++t) {
    float& y = args.y[static_cast<size_t>(t) * args.ldy + row];
    for (int c = 1; c < kChains; ++c) sum[t][0] = _mm512_add_ps(sum[t][0], sum[t][c]);
    const float total = sum_of(sum[t][0]) + (Format::kOffset ? sum_of(offsets[t]) : 0.0f);
    y = args.accumulate ? y + total : total;
  }
}

template <class Format, int T>
void stream(const MatmulArgs& args) {
  for (size_t row = args.row_begin; row < args.row_end; ++row) stream_row<Format, T>(args, row);
}

/// Most tokens for which rows are streamed. Beyond, unpacking into a panel (about 7 instructions a row and
/// group) costs less than the convert and multiply-add of every group and token.
constexpr size_t kStreamTokens = 4;

template <class Format>
void run_stream(const MatmulArgs& args) {
  switch (args.tokens) {
    case 1:
      return stream<Format, 1>(args);
    case 2:
      return stream<Format, 2>(args);
    case 3:
      return stream<Format, 3>(args);
    case 4:
      return stream<Format, 4>(args);
    default:
      return;
  }
}

constexpr size_t kPanelRows = 32;
constexpr size_t kGroupPairs = kGroupColumns / 2;

/// 32 rows × 256 columns as integers, 16 KiB, so that a panel and the activations of a tile stay in L1.
struct IntegerPanel {
  int16_t values[kBlockGroups][kGroupPairs][kPanelRows][2];
  float scales[kBlockGroups][kPanelRows];
  float offsets[kBlockGroups][kPanelRows];
};

/// Eight values of 16 rows each, transposed to eight vectors over rows.
inline void store_transposed(const __m256 rows[16], float (*out)[kPanelRows], size_t groups) {
  __m512i v[16];
  for (int r = 0; r < 16; ++r) v[r] = _mm512_castps_si512(join(rows[r], _mm256_setzero_ps()));
  transpose16(v);
  for (size_t g = 0; g < groups; ++g) _mm512_storeu_si512(out[g], v[g]);
}

/// Unpacks 16 rows of a column block into half a panel; those beyond `rows` become zero.
template <class Format>
void unpack(const WeightMatrix& w, size_t row, size_t rows, size_t block, size_t groups, size_t half,
            IntegerPanel* panel) {
  Format format[16];
  __m256 scales[16], offsets[16];
  for (size_t r = 0; r < 16; ++r) {
    scales[r] = offsets[r] = _mm256_setzero_ps();
    if (r >= rows) continue;
    format[r].open(w.row(row + r), block, groups);
    scales[r] = format[r].scale;
    if constexpr (Format::kOffset) offsets[r] = format[r].offset;
  }
  store_transposed(scales, reinterpret_cast<float(*)[kPanelRows]>(panel->scales[0] + 16 * half), groups);
  if constexpr (Format::kOffset)
    store_transposed(offsets, reinterpret_cast<float(*)[kPanelRows]>(panel->offsets[0] + 16 * half), groups);
  for (size_t g = 0; g < groups; ++g) {
    __m512i v[16];
    for (size_t r = 0; r < 16; ++r) v[r] = r < rows ? format[r].group(g) : _mm512_setzero_si512();
    transpose16(v);
    for (size_t p = 0; p < kGroupPairs; ++p) _mm512_storeu_si512(panel->values[g][p][16 * half], v[p]);
  }
}

/// A tile of 32 rows × T tokens over one column block. A pair of columns takes 2 loads of weights, T
/// broadcast loads and 2 · T vpdpwssd: at T = 6, 8 loads (4 cycles) under 12 dots (6 cycles). The 24 converts
/// and multiply-adds after 16 pairs add an eighth. Registers: 12 integer sums, 12 float sums, 3.
template <int T, bool offset>
[[gnu::noinline]] void multiply_block(const IntegerPanel& panel, const Integers& a, size_t block,
                                      size_t token, size_t groups, size_t rows, bool add, float* y,
                                      size_t ldy) {
  const int16_t* x = a.at(block, token);
  const size_t stride = a.width(block);
  const float* sums = a.sum(block, token);
  __m512 total[T][2];
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) total[t][0] = total[t][1] = _mm512_setzero_ps();
  for (size_t g = 0; g < groups; ++g) {
    __m512i dot[T][2];
#pragma GCC unroll 6
    for (int t = 0; t < T; ++t) dot[t][0] = dot[t][1] = _mm512_setzero_si512();
    const int16_t* xg = x + g * kGroupColumns;
    for (size_t p = 0; p < kGroupPairs; ++p) {
      const __m512i w0 = _mm512_loadu_si512(panel.values[g][p][0]);
      const __m512i w1 = _mm512_loadu_si512(panel.values[g][p][16]);
#pragma GCC unroll 6
      for (int t = 0; t < T; ++t) {
        int pair;
        __builtin_memcpy(&pair, xg + static_cast<size_t>(t) * stride + 2 * p, sizeof pair);
        const __m512i v = _mm512_set1_epi32(pair);
        accumulate_dot(dot[t][0], w0, v);
        accumulate_dot(dot[t][1], w1, v);
      }
    }
#pragma GCC unroll 6
    for (int i = 0; i < 2; ++i) {
      const __m512 scale = _mm512_loadu_ps(panel.scales[g] + 16 * i);
#pragma GCC unroll 6
      for (int t = 0; t < T; ++t)
        total[t][i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t][i]), scale, total[t][i]);
      if constexpr (offset) {
        const __m512 o = _mm512_loadu_ps(panel.offsets[g] + 16 * i);
#pragma GCC unroll 6
        for (int t = 0; t < T; ++t)
          total[t][i] = _mm512_fmadd_ps(o, _mm512_set1_ps(sums[static_cast<size_t>(t) * kBlockGroups + g]),
                                        total[t][i]);
      }
    }
  }
  const __mmask16 lanes[2] = {first_lanes(rows), first_lanes(rows > 16 ? rows - 16 : 0)};
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
    const __m512 scale = _mm512_set1_ps(a.scale(block, token)[t]);
    float* out = y + static_cast<size_t>(t) * ldy;
#pragma GCC unroll 6
    for (int i = 0; i < 2; ++i) {
      const __m512 before = add ? _mm512_maskz_loadu_ps(lanes[i], out + 16 * i) : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(out + 16 * i, lanes[i], _mm512_fmadd_ps(total[t][i], scale, before));
    }
  }
}

template <bool offset>
void multiply_tokens(const IntegerPanel& panel, const Integers& a, size_t block, size_t groups, size_t rows,
                     bool add, float* y, size_t ldy) {
  for (size_t t = 0; t < a.tokens;) {
    // Tiles of nearly equal size: two of 4 keep more dots in flight than 6 and 2.
    const size_t rest = a.tokens - t, tiles = (rest + 5) / 6, tile = (rest + tiles - 1) / tiles;
    const auto multiply = [&]<int T>() {
      multiply_block<T, offset>(panel, a, block, t, groups, rows, add, y + t * ldy, ldy);
    };
    switch (tile) {
      case 1:
        multiply.template operator()<1>();
        break;
      case 2:
        multiply.template operator()<2>();
        break;
      case 3:
        multiply.template operator()<3>();
        break;
      case 4:
        multiply.template operator()<4>();
        break;
      case 5:
        multiply.template operator()<5>();
        break;
      default:
        multiply.template operator()<6>();
        break;
    }
    t += tile;
  }
}

template <class Format>
void run_panels(const MatmulArgs& args) {
  const Integers a(args.packed, args.tokens, args.w->cols);
  auto* panel = static_cast<IntegerPanel*>(args.scratch);
  for (size_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    const size_t rows = min_of(kPanelRows, args.row_end - row);
    for (size_t b = 0; b < a.blocks(); ++b) {
      const size_t groups = a.width(b) / kGroupColumns;
      unpack<Format>(*args.w, row, min_of(rows, 16), b, groups, 0, panel);
      unpack<Format>(*args.w, row + 16, rows > 16 ? rows - 16 : 0, b, groups, 1, panel);
      multiply_tokens<Format::kOffset>(*panel, a, b, groups, rows, args.accumulate || b > 0, args.y + row,
                                       args.ldy);
    }
  }
}

}  // namespace
}  // namespace openelm
