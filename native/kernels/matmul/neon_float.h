#pragma once

// Every other weight type of the neon matmul, with exact f32 activations: F32, F16 and BF16 rows are read
// as they are, other types go through the reference dequantizer.

#include "kernels/matmul/matmul.h"
#include "kernels/matmul/neon_store.h"
#include "kernels/simd/neon.h"
#include "quant/dequantize.h"

namespace openelm::neon {

/// How rows of a type are read: four elements from a byte address.
struct Float32 {
  static constexpr size_t kBytes = 4;
  OPENELM_NEON_INLINE float32x4_t load4(const uint8_t* p) { return load_float4(p); }
};
struct Float16 {
  static constexpr size_t kBytes = 2;
  OPENELM_NEON_INLINE float32x4_t load4(const uint8_t* p) { return load_half4(p); }
};
struct BFloat16 {
  static constexpr size_t kBytes = 2;
  OPENELM_NEON_INLINE float32x4_t load4(const uint8_t* p) { return load_bfloat4(p); }
};

// Decode: each token padded with zeros to eight columns; a dot product a row, two accumulators each.

inline constexpr size_t kDecodeStep = 8;

static inline size_t float_decode_packed_bytes(size_t tokens, size_t cols) {
  return tokens * round_up(cols, kDecodeStep) * sizeof(float);
}

static inline void float_decode_pack(const float* x, size_t ldx, size_t /*tokens*/, size_t cols, size_t first,
                                     size_t last, void* packed) {
  const size_t stride = round_up(cols, kDecodeStep);
  for (size_t t = first; t < last; ++t) {
    float* dst = static_cast<float*>(packed) + t * stride;
    std::memcpy(dst, x + (t - first) * ldx, cols * sizeof(float));
    for (size_t c = cols; c < stride; ++c) dst[c] = 0;
  }
}

/// sum[r][t] += the products of eight columns from the rows at p.
template <class Type, size_t R, size_t T>
OPENELM_NEON_INLINE void decode_step(const uint8_t* p, size_t row_stride, const float* x, size_t ldx,
                                     float32x4_t sum[R][T][2]) {
  float32x4_t a[T][2];
  for (size_t t = 0; t < T; ++t)
    for (size_t i = 0; i < 2; ++i) a[t][i] = vld1q_f32(x + t * ldx + 4 * i);
  for (size_t r = 0; r < R; ++r) {
    for (size_t i = 0; i < 2; ++i) {
      const float32x4_t w = Type::load4(p + r * row_stride + 4 * i * Type::kBytes);
      OPENELM_NEON_UNROLL
      for (size_t t = 0; t < T; ++t) sum[r][t][i] = vfmaq_f32(sum[r][t][i], w, a[t][i]);
    }
  }
}

/// y[t * ldy + r] (+)= row r · token t for R rows and T tokens.
template <class Type, size_t R, size_t T>
static inline void float_decode_rows(const uint8_t* rows, size_t row_stride, const float* x, size_t cols,
                                     float* y, size_t ldy, bool accumulate) {
  const size_t ldx = round_up(cols, kDecodeStep);
  float32x4_t sum[R][T][2];
  for (size_t r = 0; r < R; ++r)
    for (size_t t = 0; t < T; ++t) sum[r][t][0] = sum[r][t][1] = vdupq_n_f32(0);
  uint8_t tail[R * kDecodeStep * Type::kBytes];
  for (size_t c = 0; c < cols; c += kDecodeStep) {
    const uint8_t* p = rows + c * Type::kBytes;
    size_t stride = row_stride;
    if (c + kDecodeStep > cols) {  // the columns that are left, with zeros behind
      stride = kDecodeStep * Type::kBytes;
      std::memset(tail, 0, sizeof tail);
      for (size_t r = 0; r < R; ++r)
        std::memcpy(tail + r * stride, p + r * row_stride, (cols - c) * Type::kBytes);
      p = tail;
    }
    decode_step<Type, R, T>(p, stride, x + c, ldx, sum);
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t r = 0; r < R; ++r) {
      const float value = vaddvq_f32(vaddq_f32(sum[r][t][0], sum[r][t][1]));
      y[t * ldy + r] = accumulate ? y[t * ldy + r] + value : value;
    }
  }
}

/// R rows from `rows` against all tokens: up to three at a time, then two rows at a time so that the sums
/// stay in registers.
template <class Type, size_t R>
static inline void float_decode_tokens(const MatmulArgs& args, const uint8_t* rows, size_t row_stride,
                                       size_t row) {
  constexpr size_t kPair = R < 2 ? R : 2;
  const size_t cols = args.w->cols, ldx = round_up(cols, kDecodeStep);
  for (size_t t = 0; t < args.tokens;) {
    const float* x = static_cast<const float*>(args.packed) + t * ldx;
    float* y = args.y + t * args.ldy + row;
    const size_t tokens = smaller(3, args.tokens - t);
    if (tokens == 1) float_decode_rows<Type, R, 1>(rows, row_stride, x, cols, y, args.ldy, args.accumulate);
    for (size_t r = 0; tokens == 2 && r < R; r += kPair)
      float_decode_rows<Type, kPair, 2>(rows + r * row_stride, row_stride, x, cols, y + r, args.ldy,
                                        args.accumulate);
    for (size_t r = 0; tokens == 3 && r < R; r += kPair)
      float_decode_rows<Type, kPair, 3>(rows + r * row_stride, row_stride, x, cols, y + r, args.ldy,
                                        args.accumulate);
    t += tokens;
  }
}

static inline size_t no_scratch_bytes(size_t /*tokens*/, size_t /*cols*/) {
  return 0;
}

/// MatmulImpl::run for the types read as they are.
template <class Type>
static void run_float_decode(const MatmulArgs& args) {
  const size_t row_stride = args.w->cols * Type::kBytes;
  size_t row = args.row_begin;
  for (; row + 4 <= args.row_end; row += 4)
    float_decode_tokens<Type, 4>(args, args.w->data + row * row_stride, row_stride, row);
  for (; row < args.row_end; ++row)
    float_decode_tokens<Type, 1>(args, args.w->data + row * row_stride, row_stride, row);
}

static inline size_t dequantize_scratch_bytes(size_t /*tokens*/, size_t cols) {
  return cols * sizeof(float);
}

/// MatmulImpl::run for any other type: a row at a time through the dequantizer.
static inline void run_dequantize_decode(const MatmulArgs& args) {
  for (size_t row = args.row_begin; row < args.row_end; ++row) {
    dequantize_row(args.w->type, args.w->row(row), static_cast<float*>(args.scratch), args.w->cols);
    float_decode_tokens<Float32, 1>(args, static_cast<const uint8_t*>(args.scratch), 0, row);
  }
}

// Prefill: panels of 32 rows × 256 columns converted once to f32, [column][8 rows], and tokens packed
// [column][8 tokens]; the inner tile multiplies 8 rows by each of 8 tokens' lanes: 16 sums, 16 fma for 4
// loads.

inline constexpr size_t kFloatPanelRows = 32, kFloatPanelCols = 256, kFloatTile = kTileRows;

struct FloatPanel {
  float weights[kFloatPanelRows * kFloatPanelCols];  // [tile of rows][column][8]
  float rows[4][kFloatPanelCols];                    // four rows before they are transposed
};

static inline size_t float_prefill_packed_bytes(size_t tokens, size_t cols) {
  return round_up(tokens, kFloatTile) * cols * sizeof(float);
}

/// [column][8] from four rows of `cols` floats, into lanes 0 to 3 of dst.
static inline void transpose_rows(const float* const rows[4], size_t cols, float* dst) {
  size_t c = 0;
  for (; c + 4 <= cols; c += 4) {
    float32x4_t v[4];
    for (size_t r = 0; r < 4; ++r) v[r] = vld1q_f32(rows[r] + c);
    transpose4(v);
    for (size_t k = 0; k < 4; ++k) vst1q_f32(dst + (c + k) * kFloatTile, v[k]);
  }
  for (; c < cols; ++c)
    for (size_t r = 0; r < 4; ++r) dst[c * kFloatTile + r] = rows[r][c];
}

/// MatmulImpl::pack; ranges begin at multiples of eight tokens. Missing tokens repeat the last one.
static inline void float_prefill_pack(const float* x, size_t ldx, size_t /*tokens*/, size_t cols,
                                      size_t first, size_t last, void* packed) {
  for (size_t t = first; t < last; t += kFloatTile) {
    float* tile = static_cast<float*>(packed) + t * cols;
    for (size_t quad = 0; quad < kFloatTile; quad += 4) {
      const float* rows[4];
      for (size_t r = 0; r < 4; ++r) rows[r] = x + (smaller(t + quad + r, last - 1) - first) * ldx;
      transpose_rows(rows, cols, tile + quad);
    }
  }
}

static inline size_t float_prefill_scratch_bytes(size_t /*tokens*/, size_t /*cols*/) {
  return sizeof(FloatPanel);
}

template <class Type>
static inline void convert_row(const uint8_t* src, float* dst, size_t cols) {
  size_t c = 0;
  for (; c + 4 <= cols; c += 4) vst1q_f32(dst + c, Type::load4(src + c * Type::kBytes));
  if (c == cols) return;
  uint8_t tail[4 * Type::kBytes] = {};
  std::memcpy(tail, src + c * Type::kBytes, (cols - c) * Type::kBytes);
  float values[4];
  vst1q_f32(values, Type::load4(tail));
  for (size_t i = 0; c + i < cols; ++i) dst[c + i] = values[i];
}

/// `cols` elements of a row from column `c`, a multiple of every block size.
static inline void load_row(const WeightMatrix& w, size_t row, size_t c, size_t cols, float* dst) {
  const uint8_t* src = w.row(row) + row_bytes(w.type, c);
  switch (w.type) {
    case DType::f32:
      return convert_row<Float32>(src, dst, cols);
    case DType::f16:
      return convert_row<Float16>(src, dst, cols);
    case DType::bf16:
      return convert_row<BFloat16>(src, dst, cols);
    default:
      return dequantize_row(w.type, src, dst, cols);
  }
}

/// Rows `row` to `row_end` (at most a panel) and `cols` columns from `c`; missing rows repeat the last one.
static inline void fill_panel(const WeightMatrix& w, size_t row, size_t row_end, size_t c, size_t cols,
                              FloatPanel& panel) {
  for (size_t r = 0; row + r < row_end; r += 4) {
    const float* rows[4];
    for (size_t i = 0; i < 4; ++i) {
      load_row(w, smaller(row + r + i, row_end - 1), c, cols, panel.rows[i]);
      rows[i] = panel.rows[i];
    }
    transpose_rows(rows, cols,
                   panel.weights + r / kFloatTile * kFloatTile * kFloatPanelCols + r % kFloatTile);
  }
}

/// sum[token][rows] = 8 rows by T tokens (4 or 8) over `cols` columns.
template <size_t T>
static inline void float_tile(const float* w, const float* x, size_t cols, float32x4_t sum[T][2]) {
  float32x4_t low[T], high[T];  // rows 0 to 3, rows 4 to 7
  for (size_t t = 0; t < T; ++t) low[t] = high[t] = vdupq_n_f32(0);
  for (size_t c = 0; c < cols; ++c, w += kFloatTile, x += kFloatTile) {
    const float32x4_t w0 = vld1q_f32(w), w1 = vld1q_f32(w + 4);
    for (size_t t = 0; t < T; t += 4) {
      const float32x4_t a = vld1q_f32(x + t);
      fma_lanes(low + t, w0, a);
      fma_lanes(high + t, w1, a);
    }
  }
  for (size_t t = 0; t < T; ++t) {
    sum[t][0] = low[t];
    sum[t][1] = high[t];
  }
}

template <size_t T>
static inline void float_tile_to_y(const MatmulArgs& args, const float* w, const float* x, size_t cols,
                                   size_t row, size_t rows, size_t token, bool accumulate) {
  float32x4_t sum[T][2];
  float_tile<T>(w, x, cols, sum);
  for (size_t t = 0; t < smaller(T, args.tokens - token); ++t)
    store_row(sum[t], rows, args.y + (token + t) * args.ldy + row, accumulate);
}

/// MatmulImpl::run for any type. Between the column blocks of a panel, sums wait in y.
static inline void run_float_prefill(const MatmulArgs& args) {
  const size_t cols = args.w->cols;
  FloatPanel& panel = *static_cast<FloatPanel*>(args.scratch);
  for (size_t row = args.row_begin; row < args.row_end; row += kFloatPanelRows) {
    const size_t row_end = smaller(row + kFloatPanelRows, args.row_end);
    for (size_t c = 0; c < cols; c += kFloatPanelCols) {
      const size_t count = smaller(kFloatPanelCols, cols - c);
      const bool accumulate = args.accumulate || c > 0;
      fill_panel(*args.w, row, row_end, c, count, panel);
      for (size_t t = 0; t < args.tokens; t += kFloatTile) {
        const float* x = static_cast<const float*>(args.packed) + t * cols + c * kFloatTile;
        for (size_t r = row; r < row_end; r += kFloatTile) {
          const float* w = panel.weights + (r - row) * kFloatPanelCols;
          const size_t rows = smaller(kFloatTile, row_end - r);
          if (args.tokens - t > 4)
            float_tile_to_y<8>(args, w, x, count, r, rows, t, accumulate);
          else
            float_tile_to_y<4>(args, w, x, count, r, rows, t, accumulate);
        }
      }
    }
  }
}

}  // namespace openelm::neon
