#pragma once

// Products for few tokens: weights stream from their blocks, once for up to four tokens, and meet the
// activations along the columns, eight partial sums an output. Bound by memory for one token.

#include "kernels/matmul/avx2_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// One row × T tokens. One row at a time keeps the weights a single stream in memory, which the processor's
/// prefetchers follow twice as fast as four.
template <class Format, int T>
inline void direct_row(const MatmulArgs& args, const Integers& a, size_t row, size_t token) {
  const uint8_t* weights = args.w->row(row);
  __m256 total[T];
  for (int t = 0; t < T; ++t) total[t] = _mm256_setzero_ps();
  for (size_t b = 0; b < a.blocks(); ++b) {
    const size_t width = a.width(b), groups = width / kGroupColumns;
    const int16_t* values = a.at(b, token);
    Format format;
    format.open(weights, b, groups);
    alignas(32) float scale[kBlockGroups];
    _mm256_store_ps(scale, format.scale);
    __m256 part[T];
    for (int t = 0; t < T; ++t) part[t] = _mm256_setzero_ps();
    const auto add_group = [&](size_t g) {
      __m256i q[2];
      format.group(g, q);
      const __m256 s = _mm256_broadcast_ss(scale + g);
      for (int t = 0; t < T; ++t) {
        const int16_t* x = values + t * width + g * kGroupColumns;
        const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(q[0], load_i256(x)),
                                                  _mm256_madd_epi16(q[1], load_i256(x + 16)));
        part[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), s, part[t]);
      }
    };
    if (groups == kBlockGroups) {
#pragma GCC unroll 8
      for (size_t g = 0; g < kBlockGroups; ++g) add_group(g);
    } else {
      for (size_t g = 0; g < groups; ++g) add_group(g);
    }
    for (int t = 0; t < T; ++t) {
      const size_t index = token + static_cast<size_t>(t);
      if (Format::kOffset)
        part[t] = _mm256_fmadd_ps(format.offset, _mm256_loadu_ps(a.sum(b, index)), part[t]);
      total[t] = _mm256_fmadd_ps(part[t], _mm256_broadcast_ss(a.scale(b, index)), total[t]);
    }
  }
  for (int t = 0; t < T; ++t) {
    float* y = args.y + (token + static_cast<size_t>(t)) * args.ldy + row;
    const float sum = sum_of(total[t]);
    *y = args.accumulate ? *y + sum : sum;
  }
}

template <class Format, int T>
void direct_rows(const MatmulArgs& args, const Integers& a, size_t token) {
  for (size_t row = args.row_begin; row < args.row_end; ++row) direct_row<Format, T>(args, a, row, token);
}

template <class Format>
void run_direct(const MatmulArgs& args) {
  const Integers a(args.packed, args.tokens, args.w->cols);
  size_t t = 0;
  // Beyond four tokens the weights come a second time, from a cache if the range of rows is small enough.
  for (; args.tokens - t > 4; t += 3) direct_rows<Format, 3>(args, a, t);
  switch (args.tokens - t) {
    case 1:
      return direct_rows<Format, 1>(args, a, t);
    case 2:
      return direct_rows<Format, 2>(args, a, t);
    case 3:
      return direct_rows<Format, 3>(args, a, t);
    default:
      return direct_rows<Format, 4>(args, a, t);
  }
}

}  // namespace
}  // namespace openelm
