#pragma once

// Products for few tokens: weights stream from their blocks, once for up to four tokens, and meet the
// activations along the columns, eight partial sums an output. Bound by memory for one token.

#include "kernels/matmul/avx2_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// R rows × T tokens.
template <class Format, int R, int T>
inline void direct_tile(const uint8_t* const rows[R], const Integers& a, size_t token, __m256 total[R][T]) {
  for (int r = 0; r < R; ++r)
    for (int t = 0; t < T; ++t) total[r][t] = _mm256_setzero_ps();
  for (size_t b = 0; b < a.blocks(); ++b) {
    const size_t width = a.width(b), groups = width / kGroupColumns;
    const int16_t* values = a.at(b, token);
    Format format[R];
    alignas(32) float scale[R][kBlockGroups];
    __m256 part[R][T];
    for (int r = 0; r < R; ++r) {
      format[r].open(rows[r], b, groups);
      _mm256_store_ps(scale[r], format[r].scale);
      for (int t = 0; t < T; ++t) part[r][t] = _mm256_setzero_ps();
    }
    const auto add_group = [&](size_t g) __attribute__((always_inline)) {
      for (int r = 0; r < R; ++r) {
        __m256i q[2];
        format[r].group(g, q);
        const __m256 s = _mm256_broadcast_ss(scale[r] + g);
        for (int t = 0; t < T; ++t) {
          const int16_t* x = values + t * width + g * kGroupColumns;
          const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(q[0], load_i256(x)),
                                                    _mm256_madd_epi16(q[1], load_i256(x + 16)));
          part[r][t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), s, part[r][t]);
        }
      }
    };
    if (groups == kBlockGroups) {
#pragma GCC unroll 8
      for (size_t g = 0; g < kBlockGroups; ++g) add_group(g);
    } else {
      for (size_t g = 0; g < groups; ++g) add_group(g);
    }
    for (int t = 0; t < T; ++t) {
      const __m256 s = _mm256_broadcast_ss(a.scale(b, token + t));
      for (int r = 0; r < R; ++r) {
        if (Format::kOffset)
          part[r][t] = _mm256_fmadd_ps(format[r].offset, _mm256_loadu_ps(a.sum(b, token + t)), part[r][t]);
        total[r][t] = _mm256_fmadd_ps(part[r][t], s, total[r][t]);
      }
    }
  }
}

template <class Format, int R, int T>
inline void direct_rows(const MatmulArgs& args, const Integers& a, size_t row, size_t token) {
  const uint8_t* rows[R];
  for (int r = 0; r < R; ++r) rows[r] = args.w->row(min_of(row + static_cast<size_t>(r), args.row_end - 1));
  __m256 total[R][T];
  direct_tile<Format, R, T>(rows, a, token, total);
  for (int t = 0; t < T; ++t) {
    float* y = args.y + (token + t) * args.ldy;
    for (size_t r = 0; r < min_of(R, args.row_end - row); ++r) {
      const float sum = sum_of(total[r][t]);
      y[row + r] = args.accumulate ? y[row + r] + sum : sum;
    }
  }
}

template <class Format>
void run_direct(const MatmulArgs& args) {
  const Integers a(args.packed, args.tokens, args.w->cols);
  for (size_t row = args.row_begin; row < args.row_end; row += 4) {
    const size_t second = row + 2;
    size_t t = 0;
    for (; t + 4 <= args.tokens; t += 4) {
      direct_rows<Format, 2, 4>(args, a, row, t);
      if (second < args.row_end) direct_rows<Format, 2, 4>(args, a, second, t);
    }
    switch (args.tokens - t) {
      case 1:
        direct_rows<Format, 4, 1>(args, a, row, t);
        break;
      case 2:
        direct_rows<Format, 2, 2>(args, a, row, t);
        if (second < args.row_end) direct_rows<Format, 2, 2>(args, a, second, t);
        break;
      case 3:
        direct_rows<Format, 2, 3>(args, a, row, t);
        if (second < args.row_end) direct_rows<Format, 2, 3>(args, a, second, t);
        break;
      default:
        break;
    }
  }
}

}  // namespace
}  // namespace openelm
