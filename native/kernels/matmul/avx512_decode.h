#pragma once

// Products of the commonest formats of 4 to 6 bits for few tokens: four rows at a time from the file's
// blocks.
//
// Loads bind a row at a time: 6 of activations for 72 bytes of Q4_0, where Zen 4 does one of 512 bits a
// cycle. Four rows share them, rows far apart: a core has more of four streams of weights under way than of
// one (avx512_row_streams.h), and lines of each are asked for ahead.
//
// 512-bit instructions for 128 columns, a row and a token, without loads: Q4_0 16 (72 bytes), Q4_K 19 (72),
// Q6_K 24 (105). At two a cycle that is 7.5 to 9 bytes a cycle.

#include "kernels/matmul/avx512_row_streams.h"
#include "kernels/matmul/avx512_units.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

constexpr size_t kDecodeTokens = 4;
/// How far ahead of the products the weights of each row are asked for.
constexpr size_t kPrefetchBytes = 2048;

/// The product of one row's unit with a token's, as 32-bit sums of each lane's columns times 128.
template <class Format>
inline __m512 product(const __m512i* q, const __m512i* high_plane, const __m512i* low_plane, int vectors,
                      __m512i start) {
  __m512i high = _mm512_setzero_si512(), low = start;
#pragma GCC unroll 2
  for (int v = 0; v < vectors; ++v) {
    accumulate_bytes(high, q[v], high_plane[v]);
    accumulate_bytes(low, q[v], low_plane[v]);
  }
  return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 7), low));
}

/// One unit of R rows by T tokens, added to their sums.
template <class Format, int R, int T>
inline void add_units(const Format* formats, size_t half, const PlaneUnit* units, __m512 (*sum)[T]) {
  __m512i q[R][2];
  __m512 scale[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) formats[r].read(half, q[r], scale[r]);
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    const PlaneUnit& x = units[t];
    const __m512 x_scale = _mm512_set1_ps(x.scale);
    __m512i high[2], low[2], start[2];
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      high[v] = _mm512_loadu_si512(x.high[v]);
      low[v] = _mm512_loadu_si512(x.low[v]);
      start[v] = Format::kConstant == 0 ? _mm512_setzero_si512() : _mm512_loadu_si512(x.start[v]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      if constexpr (Format::kShared) {
        const __m512 p = product<Format>(q[r], high, low, 2, start[0]);
        sum[r][t] = _mm512_fmadd_ps(p, _mm512_mul_ps(scale[r][0], x_scale), sum[r][t]);
      } else {
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
          const __m512 p = product<Format>(q[r] + v, high + v, low + v, 1, start[v]);
          sum[r][t] = _mm512_fmadd_ps(p, _mm512_mul_ps(scale[r][v], x_scale), sum[r][t]);
        }
      }
    }
  }
}

/// Sums of R rows and T tokens.
template <int T, int R>
struct DecodeSums {
  __m512 units[R][T];
  __m256 offsets[R][T];
};

/// A block of columns, whole or what is left of a row. Inlined: the sums are to stay in registers.
template <class Format, int T, int R, bool whole>
inline __attribute__((always_inline)) void decode_block(const Planes& a, size_t block,
                                                        const uint8_t* const* data,
                                                        const uint8_t* const* ahead, DecodeSums<T, R>& sums) {
  constexpr size_t kBytes = 2 * Format::kUnitBytes;
  Format formats[R];
  // What is left is read from a copy: nothing behind it is.
  alignas(64) uint8_t copies[whole ? 1 : R][kBytes];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t k = 0; k < kBytes; k += 64) prefetch_line(ahead[r] + block * kBytes + k);
    if constexpr (whole) {
      formats[r].open(data[r], block);
    } else {
      __builtin_memset(copies[r], 0, kBytes);
      const size_t left = (a.cols - block * kColumnBlock) / kGroupColumns;
      __builtin_memcpy(copies[r], data[r] + block * kBytes, left * (kBytes / kBlockGroups));
      formats[r].open(copies[r], 0);
    }
  }
  add_units<Format, R, T>(formats, 0, &a.unit(2 * block, 0), sums.units);
  if (whole || a.cols % kColumnBlock > kUnitColumns)
    add_units<Format, R, T>(formats, 1, &a.unit(2 * block + 1, 0), sums.units);
  if constexpr (Format::kOffset) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t)
        sums.offsets[r][t] = _mm256_fmadd_ps(
            formats[r].offset, _mm256_loadu_ps(a.sum(block, static_cast<size_t>(t))), sums.offsets[r][t]);
  }
}

/// Row i of the first R of S streams by T tokens.
template <class Format, int T, int R, int S>
void decode_rows(const MatmulArgs& args, const RowStreams<S>& streams, size_t i) {
  const Planes a(args.packed, args.tokens, args.w->cols);
  const uint8_t *data[R], *ahead[R];
  DecodeSums<T, R> sums;
  streams.open(i, data, ahead);
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      sums.units[r][t] = _mm512_setzero_ps();
      sums.offsets[r][t] = _mm256_setzero_ps();
    }
  }
  const size_t whole = a.cols / kColumnBlock;
  for (size_t block = 0; block < whole; ++block)
    decode_block<Format, T, R, true>(a, block, data, ahead, sums);
  if constexpr (Format::kColumns < kColumnBlock)
    if (a.cols % kColumnBlock > 0) decode_block<Format, T, R, false>(a, whole, data, ahead, sums);
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const float total = sum_of(sums.units[r][t]) + (Format::kOffset ? sum_of(sums.offsets[r][t]) : 0.0f);
      streams.store(args, r, i, t, total);
    }
}

template <class Format, int T>
void decode(const MatmulArgs& args) {
  constexpr int kRows = T == 1 ? 4 : 2;  // more sums would not fit the registers
  const RowStreams<kRows> streams(args, kPrefetchBytes);
  streams.each([&]<int R>(size_t i) { decode_rows<Format, T, R>(args, streams, i); });
}

template <class Format>
void run_decode(const MatmulArgs& args) {
  switch (args.tokens) {
    case 1:
      return decode<Format, 1>(args);
    case 2:
      return decode<Format, 2>(args);
    case 3:
      return decode<Format, 3>(args);
    case 4:
      return decode<Format, 4>(args);
    default:
      return;
  }
}

}  // namespace
}  // namespace openelm
