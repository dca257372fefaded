#pragma once

// Products of block formats with 15-bit activations for few tokens, row by row: for Q8_0, which is faster so
// than by planes (avx512_decode.h), and for the formats that have no kernel there.

#include "kernels/matmul/avx512_pack.h"
#include "kernels/matmul/avx512_row_streams.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// How far ahead of the products weights are asked for.
constexpr size_t kStreamAhead = 2048;

/// Sums of R rows and T tokens. Two chains keep the multiply-adds' latency off the path.
template <int T, int R>
struct StreamSums {
  __m512 chains[R][T][2];
  __m256 offsets[R][T];
};

/// A block of columns, of 8 groups if it is whole. Inlined: the sums are to stay in registers.
///
/// Vector instructions a group of 32 columns: Q8_0 1 widening + T · 3 (dot, convert, multiply-add); scales
/// cost about half of one more. On two 512-bit ports one token is thus 2.3 cycles for 34 bytes of Q8_0.
template <class Format, int T, int R, bool whole>
inline __attribute__((always_inline)) void stream_block(const Integers& a, size_t b,
                                                        const uint8_t* const* data,
                                                        const uint8_t* const* ahead, StreamSums<T, R>& sums) {
  const size_t groups = whole ? kBlockGroups : a.width(b) / kGroupColumns;
  Format format[R];
  alignas(32) float scales[R][T][kBlockGroups];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (size_t k = 0; k < Format::kBlockBytes; k += 64)
      prefetch_line(ahead[r] + b * Format::kBlockBytes + k);
    format[r].open(data[r], b, groups);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const size_t token = static_cast<size_t>(t);
      const __m256 scale = _mm256_set1_ps(*a.scale(b, token));
      _mm256_store_ps(scales[r][t], _mm256_mul_ps(format[r].scale, scale));
      if constexpr (Format::kOffset) {
        const __m256 x = _mm256_mul_ps(_mm256_loadu_ps(a.sum(b, token)), scale);
        sums.offsets[r][t] = _mm256_fmadd_ps(format[r].offset, x, sums.offsets[r][t]);
      }
    }
  }
  // Loads broadcast a scale for nothing; out of the register, as GCC would have it, it takes an instruction.
  __asm__ volatile("" : "+m"(scales));
  const auto add_group = [&]<int chain>(size_t g) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512i q = format[r].group(g);
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) {
        const __m512i x = _mm512_loadu_si512(a.at(b, static_cast<size_t>(t)) + g * kGroupColumns);
        const __m512 dot = _mm512_cvtepi32_ps(_mm512_dpwssd_epi32(_mm512_setzero_si512(), q, x));
        __m512& sum = sums.chains[r][t][chain];
        sum = _mm512_fmadd_ps(dot, _mm512_set1_ps(scales[r][t][g]), sum);
      }
    }
  };
  if constexpr (whole) {
#pragma GCC unroll 4
    for (size_t g = 0; g < kBlockGroups; g += 2) {
      add_group.template operator()<0>(g);
      add_group.template operator()<1>(g + 1);
    }
  } else {
    for (size_t g = 0; g < groups; ++g) add_group.template operator()<0>(g);
  }
}

/// Row i of the first R of S streams by T tokens, T ≤ 4, straight from the file's blocks.
template <class Format, int T, int R, int S>
void stream_rows(const MatmulArgs& args, const RowStreams<S>& streams, size_t i) {
  const Integers a(args.packed, args.tokens, args.w->cols);
  const uint8_t *data[R], *ahead[R];
  StreamSums<T, R> sums;
  streams.open(i, data, ahead);
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      sums.chains[r][t][0] = sums.chains[r][t][1] = _mm512_setzero_ps();
      sums.offsets[r][t] = _mm256_setzero_ps();
    }
  }
  const size_t whole = args.w->cols / kColumnBlock;
  for (size_t b = 0; b < whole; ++b) stream_block<Format, T, R, true>(a, b, data, ahead, sums);
  if (whole < a.blocks()) stream_block<Format, T, R, false>(a, whole, data, ahead, sums);
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const float sum = sum_of(_mm512_add_ps(sums.chains[r][t][0], sums.chains[r][t][1]));
      const float total = sum + (Format::kOffset ? sum_of(sums.offsets[r][t]) : 0.0f);
      streams.store(args, r, i, t, total);
    }
  }
}

template <class Format, int T>
void stream(const MatmulArgs& args) {
  constexpr int kRows = T == 1 ? 3 : 1;  // more tokens want the registers
  const RowStreams<kRows> streams(args, kStreamAhead);
  streams.each([&]<int R>(size_t i) { stream_rows<Format, T, R>(args, streams, i); });
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
