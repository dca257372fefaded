#pragma once

// Products of block formats with 15-bit activations for few tokens, row by row: for Q8_0, which is faster so
// than by planes (avx512_decode.h), and for the formats that have no kernel there.

#include "kernels/matmul/avx512_pack.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// One row by T tokens, T ≤ 4, straight from the file's blocks: one stream of weights, as prefetchers like
/// it.
///
/// Vector instructions a group of 32 columns: Q8_0 1 widening + T · 3 (dot, convert, multiply-add); scales
/// cost about half of one more. On two 512-bit ports one token is thus 2.3 cycles for 34 bytes of Q8_0. Two
/// sums a token keep the multiply-adds' latency off the path.
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

}  // namespace
}  // namespace openelm
