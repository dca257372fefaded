#pragma once

// Products in f32: for F32, F16 and BF16 weights, and for types without an integer format, through the
// reference dequantizer.

#include "kernels/matmul/avx2_panel.h"

namespace openelm {
namespace {

/// Columns are padded with zeros to whole vectors.
inline size_t padded(size_t cols) {
  return (cols + 7) / 8 * 8;
}

inline size_t float_packed_bytes(size_t tokens, size_t cols) {
  return tokens * padded(cols) * sizeof(float);
}

void pack_floats(const float* x, size_t ldx, size_t /*tokens*/, size_t cols, size_t first, size_t last,
                 void* packed) {
  for (size_t t = first; t < last; ++t) {
    float* dst = static_cast<float*>(packed) + t * padded(cols);
    __builtin_memcpy(dst, x + (t - first) * ldx, cols * sizeof(float));
    for (size_t i = cols; i < padded(cols); ++i) dst[i] = 0;
  }
}

/// Eight weights of a row; `load` reads whole vectors, `load_some` the first n of one.
struct F32 {
  static constexpr size_t kBytes = 4;
  static __m256 load(const uint8_t* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
};

struct F16 {
  static constexpr size_t kBytes = 2;
  static __m256 load(const uint8_t* p) { return _mm256_cvtph_ps(load_i128(p)); }
};

struct BF16 {
  static constexpr size_t kBytes = 2;
  static __m256 load(const uint8_t* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_i128(p)), 16));
  }
};

template <class Type>
inline __m256 load_some(const uint8_t* p, size_t n) {
  alignas(32) uint8_t copy[8 * Type::kBytes] = {};
  __builtin_memcpy(copy, p, n * Type::kBytes);
  return Type::load(copy);
}

/// n weights of a row from column `first`, as f32.
template <class Type>
struct Plain {
  static void expand(const MatmulArgs& args, size_t row, size_t first, size_t n, float* dst) {
    const uint8_t* p = args.w->row(row) + first * Type::kBytes;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, Type::load(p + i * Type::kBytes));
    if (i < n) _mm256_storeu_ps(dst + i, load_some<Type>(p + i * Type::kBytes, n - i));
  }
};

/// The same for any block type. Column blocks are whole super-blocks.
struct Dequantized {
  static void expand(const MatmulArgs& args, size_t row, size_t first, size_t n, float* dst) {
    dequantize_row(args.w->type, args.w->row(row) + row_bytes(args.w->type, first), dst, n);
  }
};

/// Tokens of one pass through multiply_f32.
constexpr size_t kTileTokens = 6;

struct FloatScratch {
  alignas(64) float rows[8][kColumnBlock];
  alignas(64) float panel[kColumnBlock][kPanelRows];
};

inline size_t float_scratch_bytes(size_t tokens, size_t /*cols*/) {
  return sizeof(FloatScratch) + tokens * kPanelRows * sizeof(float);
}

template <class Source>
inline void expand_panel(const MatmulArgs& args, size_t row, size_t first, size_t n, FloatScratch* s) {
  for (size_t half = 0; half < kPanelRows; half += 8) {
    for (size_t r = 0; r < 8; ++r)
      Source::expand(args, min_of(row + half + r, args.row_end - 1), first, n, s->rows[r]);
    for (size_t k = 0; k < n; k += 8) {
      __m256i v[8];
      for (size_t r = 0; r < 8; ++r) v[r] = load_i256(s->rows[r] + k);
      transpose8(v);
      for (size_t i = 0; i < 8; ++i)
        _mm256_store_si256(reinterpret_cast<__m256i*>(s->panel[k + i] + half), v[i]);
    }
  }
}

template <class Source>
void run_float_panel(const MatmulArgs& args) {
  FloatScratch* s = static_cast<FloatScratch*>(args.scratch);
  float* acc = reinterpret_cast<float*>(s + 1);  // [tokens][16]
  const size_t cols = args.w->cols, stride = padded(cols);
  const size_t tiles = (args.tokens + kTileTokens - 1) / kTileTokens;
  const float* x = static_cast<const float*>(args.packed);
  for (size_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    __builtin_memset(acc, 0, args.tokens * kPanelRows * sizeof(float));
    for (size_t first = 0; first < cols; first += kColumnBlock) {
      const size_t n = min_of(kColumnBlock, cols - first);
      expand_panel<Source>(args, row, first, n, s);
      for (size_t i = 0; i < tiles; ++i) {
        const size_t t = tile_begin(args.tokens, tiles, i), end = tile_begin(args.tokens, tiles, i + 1);
        multiply_f32(static_cast<int>(end - t), s->panel[0], kPanelRows, x + t * stride + first, stride, n,
                     acc + t * kPanelRows, kPanelRows);
      }
    }
    store_panel(args, row, acc);
  }
}

/// Four rows × T tokens along the columns, straight from the weights.
template <class Type, int T>
inline void float_rows(const MatmulArgs& args, size_t row, size_t token) {
  const size_t cols = args.w->cols, stride = padded(cols);
  const float* x = static_cast<const float*>(args.packed) + token * stride;
  const uint8_t* rows[4];
  for (size_t r = 0; r < 4; ++r) rows[r] = args.w->row(min_of(row + r, args.row_end - 1));
  __m256 sum[T][4];
  for (int t = 0; t < T; ++t)
    for (int r = 0; r < 4; ++r) sum[t][r] = _mm256_setzero_ps();
  size_t k = 0;
  for (; k + 8 <= cols; k += 8)
    for (int r = 0; r < 4; ++r) {
      const __m256 w = Type::load(rows[r] + k * Type::kBytes);
      for (int t = 0; t < T; ++t)
        sum[t][r] = _mm256_fmadd_ps(w, _mm256_loadu_ps(x + t * stride + k), sum[t][r]);
    }
  if (k < cols)
    for (int r = 0; r < 4; ++r) {
      const __m256 w = load_some<Type>(rows[r] + k * Type::kBytes, cols - k);
      for (int t = 0; t < T; ++t)
        sum[t][r] = _mm256_fmadd_ps(w, _mm256_loadu_ps(x + t * stride + k), sum[t][r]);
    }
  for (int t = 0; t < T; ++t) {
    alignas(16) float result[4];
    _mm_store_ps(result, sums_of(sum[t][0], sum[t][1], sum[t][2], sum[t][3]));
    float* y = args.y + (token + t) * args.ldy + row;
    for (size_t r = 0; r < min_of(4, args.row_end - row); ++r)
      y[r] = args.accumulate ? y[r] + result[r] : result[r];
  }
}

template <class Type>
void run_float_direct(const MatmulArgs& args) {
  for (size_t row = args.row_begin; row < args.row_end; row += 4) {
    size_t t = 0;
    for (; t + 3 <= args.tokens; t += 3) float_rows<Type, 3>(args, row, t);
    if (args.tokens - t == 2) float_rows<Type, 2>(args, row, t);
    if (args.tokens - t == 1) float_rows<Type, 1>(args, row, t);
  }
}

}  // namespace
}  // namespace openelm
