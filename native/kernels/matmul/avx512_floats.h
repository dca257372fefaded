#pragma once

// Products of F32, F16 and BF16 weights with f32 activations, and of every type without integer kernels after
// expansion to f32.

#include "kernels/matmul/matmul.h"
#include "kernels/simd/zmm.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

// load(row, k, lanes): columns k .. k + 15 of a row, zero outside the mask.

struct F32 {
  static __m512 load(const uint8_t* row, size_t k, __mmask16 lanes) {
    return _mm512_maskz_loadu_ps(lanes, row + 4 * k);
  }
};

struct F16 {
  static __m512 load(const uint8_t* row, size_t k, __mmask16 lanes) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, row + 2 * k));
  }
};

struct BF16 {
  static __m512 load(const uint8_t* row, size_t k, __mmask16 lanes) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, row + 2 * k));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
};

/// Activations are copied with every row padded by zeros to whole vectors.
inline size_t padded(size_t cols) {
  return round_up(cols, 16);
}

size_t floats_packed_bytes(size_t tokens, size_t cols) {
  return tokens * padded(cols) * sizeof(float);
}

void pack_floats(const float* x, size_t ldx, size_t /*tokens*/, size_t cols, size_t first, size_t last,
                 void* packed) {
  for (size_t t = first; t < last; ++t) {
    float* out = static_cast<float*>(packed) + t * padded(cols);
    for (size_t k = 0; k < cols; k += 16)
      _mm512_storeu_ps(out + k, _mm512_maskz_loadu_ps(first_lanes(cols - k), x + (t - first) * ldx + k));
  }
}

/// One row by T tokens straight from the file: one stream of weights, four sums a token to cover latency.
/// Memory bounds it: 64 bytes of F32 a load and multiply-add.
template <class Format, int T>
void stream_float_row(const MatmulArgs& args, size_t row) {
  constexpr int kChains = 4;
  const size_t cols = args.w->cols, stride = padded(cols);
  const float* x = static_cast<const float*>(args.packed);
  const uint8_t* data = args.w->row(row);
  __m512 sum[T][kChains];
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) sum[t][c] = _mm512_setzero_ps();
  const auto add = [&](size_t k, int chain, __mmask16 lanes) {
    const __m512 w = Format::load(data, k, lanes);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t)
      sum[t][chain] =
          _mm512_fmadd_ps(w, _mm512_loadu_ps(x + static_cast<size_t>(t) * stride + k), sum[t][chain]);
  };
  size_t k = 0;
  for (; k + 16 * kChains <= cols; k += 16 * kChains)
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) add(k + 16 * static_cast<size_t>(c), c, 0xffff);
  for (; k < cols; k += 16) add(k, 0, first_lanes(cols - k));
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    const __m512 low = _mm512_add_ps(sum[t][0], sum[t][1]), high = _mm512_add_ps(sum[t][2], sum[t][3]);
    const float total = sum_of(_mm512_add_ps(low, high));
    float& y = args.y[static_cast<size_t>(t) * args.ldy + row];
    y = args.accumulate ? y + total : total;
  }
}

template <class Format, int T>
void stream_floats(const MatmulArgs& args) {
  for (size_t row = args.row_begin; row < args.row_end; ++row) stream_float_row<Format, T>(args, row);
}

constexpr size_t kFloatPanelRows = 32;
constexpr size_t kFloatPanelColumns = 128;  // 16 KiB a panel

/// 32 rows over 128 columns at a time, transposed into a panel; sums of all tokens wait in scratch (L2).
template <class Format>
void panel_floats(const MatmulArgs& args) {
  const size_t cols = args.w->cols, stride = padded(cols);
  float* panel = static_cast<float*>(args.scratch);
  float* sums = panel + kFloatPanelRows * kFloatPanelColumns;
  for (size_t row = args.row_begin; row < args.row_end; row += kFloatPanelRows) {
    const size_t rows = min_of(kFloatPanelRows, args.row_end - row);
    for (size_t i = 0; i < args.tokens * kFloatPanelRows; i += 16)
      _mm512_storeu_ps(sums + i, _mm512_setzero_ps());
    for (size_t first = 0; first < cols; first += kFloatPanelColumns) {
      const size_t width = min_of(kFloatPanelColumns, stride - first);
      for (size_t half = 0; half < kFloatPanelRows; half += 16) {
        for (size_t k = 0; k < width; k += 16) {
          const __mmask16 lanes = first_lanes(cols - first - k);
          __m512i v[16];
          for (size_t r = 0; r < 16; ++r) {
            v[r] = half + r < rows
                       ? _mm512_castps_si512(Format::load(args.w->row(row + half + r), first + k, lanes))
                       : _mm512_setzero_si512();
          }
          transpose16(v);
          for (size_t i = 0; i < 16; ++i) _mm512_storeu_si512(panel + (k + i) * kFloatPanelRows + half, v[i]);
        }
      }
      multiply<2>(args.tokens, panel, kFloatPanelRows, static_cast<const float*>(args.packed) + first, stride,
                  width, sums, kFloatPanelRows);
    }
    for (size_t t = 0; t < args.tokens; ++t) {
      for (size_t r = 0; r < rows; r += 16) {
        const __mmask16 lanes = first_lanes(rows - r);
        float* y = args.y + t * args.ldy + row + r;
        __m512 sum = _mm512_loadu_ps(sums + t * kFloatPanelRows + r);
        if (args.accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, y));
        _mm512_mask_storeu_ps(y, lanes, sum);
      }
    }
  }
}

size_t floats_scratch_bytes(size_t tokens, size_t /*cols*/) {
  return (kFloatPanelRows * kFloatPanelColumns + tokens * kFloatPanelRows) * sizeof(float);
}

/// For at most 4 tokens.
template <class Format>
void stream_floats(const MatmulArgs& args) {
  switch (args.tokens) {
    case 1:
      return stream_floats<Format, 1>(args);
    case 2:
      return stream_floats<Format, 2>(args);
    case 3:
      return stream_floats<Format, 3>(args);
    case 4:
      return stream_floats<Format, 4>(args);
    default:
      return;
  }
}

size_t expanded_scratch_bytes(size_t tokens, size_t cols) {
  return floats_scratch_bytes(tokens, cols) + kFloatPanelRows * cols * sizeof(float);
}

/// Any type: 32 rows at a time through the reference dequantizer, then as F32.
template <void (*run)(const MatmulArgs&)>
void run_expanded(const MatmulArgs& args) {
  const size_t cols = args.w->cols;
  uint8_t* expanded = static_cast<uint8_t*>(args.scratch) + floats_scratch_bytes(args.tokens, cols);
  for (size_t row = args.row_begin; row < args.row_end; row += kFloatPanelRows) {
    const size_t rows = min_of(kFloatPanelRows, args.row_end - row);
    for (size_t r = 0; r < rows; ++r)
      dequantize_row(args.w->type, args.w->row(row + r), reinterpret_cast<float*>(expanded) + r * cols, cols);
    const WeightMatrix part{DType::f32, rows, cols, expanded};
    MatmulArgs sub = args;
    sub.w = &part;
    sub.row_begin = 0;
    sub.row_end = rows;
    sub.y = args.y + row;
    run(sub);
  }
}

}  // namespace
}  // namespace openelm
