#pragma once

// Products of block formats with 15-bit activations for few tokens, row by row: for Q8_0, which is faster so
// than by planes (avx512_decode.h), and for the formats that have no kernel there.

#include "kernels/matmul/avx512_pack.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// How far ahead of the products weights are asked for, across the pages at whose end prefetchers of the
/// hardware stop. What is asked for beyond the last row is for nothing.
constexpr size_t kStreamAhead = 2048;

/// Rows by T tokens, T ≤ 4, straight from the file's blocks. Two rows at a time come from far apart: a core
/// has more of two streams under way than of one (measured on Emerald Rapids with two cores: 20 GB/s of one
/// stream each, 23 asked for ahead, 29 of two).
///
/// Vector instructions a group of 32 columns: Q8_0 1 widening + T · 3 (dot, convert, multiply-add); scales
/// cost about half of one more. On two 512-bit ports one token is thus 2.3 cycles for 34 bytes of Q8_0. Two
/// sums a token keep the multiply-adds' latency off the path.
template <class Format, int T, int R>
void stream_rows(const MatmulArgs& args, size_t first, size_t distance, size_t block_bytes) {
  constexpr int kChains = 2;
  const Integers a(args.packed, args.tokens, args.w->cols);
  const uint8_t* data[R];
  __m512 sum[R][T][kChains];
  __m256 offsets[R][T];
  for (int r = 0; r < R; ++r) {
    data[r] = args.w->row(first + static_cast<size_t>(r) * distance);
    for (int t = 0; t < T; ++t) {
      for (int c = 0; c < kChains; ++c) sum[r][t][c] = _mm512_setzero_ps();
      offsets[r][t] = _mm256_setzero_ps();
    }
  }
  for (size_t b = 0; b < a.blocks(); ++b) {
    const size_t groups = a.width(b) / kGroupColumns;
    Format format[R];
    alignas(32) float scales[R][T][kBlockGroups];
    for (int r = 0; r < R; ++r) {
      for (size_t i = 0; i < block_bytes; i += 64)
        prefetch_line(data[r] + b * block_bytes + kStreamAhead + i);
      format[r].open(data[r], b, groups);
      for (int t = 0; t < T; ++t) {
        const size_t token = static_cast<size_t>(t);
        const __m256 scale = _mm256_set1_ps(*a.scale(b, token));
        _mm256_store_ps(scales[r][t], _mm256_mul_ps(format[r].scale, scale));
        if constexpr (Format::kOffset) {
          const __m256 sums = _mm256_mul_ps(_mm256_loadu_ps(a.sum(b, token)), scale);
          offsets[r][t] = _mm256_fmadd_ps(format[r].offset, sums, offsets[r][t]);
        }
      }
    }
    const auto add_group = [&](size_t g, int chain) {
      for (int r = 0; r < R; ++r) {
        const __m512i q = format[r].group(g);
        for (int t = 0; t < T; ++t) {
          const __m512i x = _mm512_loadu_si512(a.at(b, static_cast<size_t>(t)) + g * kGroupColumns);
          const __m512 dot = _mm512_cvtepi32_ps(_mm512_dpwssd_epi32(_mm512_setzero_si512(), q, x));
          sum[r][t][chain] = _mm512_fmadd_ps(dot, _mm512_set1_ps(scales[r][t][g]), sum[r][t][chain]);
        }
      }
    };
    if (groups == kBlockGroups) {
#pragma GCC unroll 8
      for (int g = 0; g < static_cast<int>(kBlockGroups); ++g) add_group(static_cast<size_t>(g), g % kChains);
    } else {
      for (size_t g = 0; g < groups; ++g) add_group(g, 0);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int t = 0; t < T; ++t) {
      float& y = args.y[static_cast<size_t>(t) * args.ldy + first + static_cast<size_t>(r) * distance];
      __m512 all = sum[r][t][0];
      for (int c = 1; c < kChains; ++c) all = _mm512_add_ps(all, sum[r][t][c]);
      const float total = sum_of(all) + (Format::kOffset ? sum_of(offsets[r][t]) : 0.0f);
      y = args.accumulate ? y + total : total;
    }
  }
}

template <class Format, int T>
void stream(const MatmulArgs& args) {
  constexpr int kRows = T == 1 ? 3 : 1;  // more tokens want the registers
  const size_t block_bytes = row_bytes(args.w->type, kColumnBlock);
  const size_t distance = (args.row_end - args.row_begin) / kRows;
  size_t row = args.row_begin;
  for (; row < args.row_begin + distance; ++row)
    stream_rows<Format, T, kRows>(args, row, distance, block_bytes);
  for (row = args.row_begin + kRows * distance; row < args.row_end; ++row)
    stream_rows<Format, T, 1>(args, row, 0, block_bytes);
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

}  // namespace
}  // namespace openelm
