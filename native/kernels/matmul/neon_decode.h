#pragma once

// Decode over Q8_0 and Q4_0: one to three tokens. The mapped blocks are read once, several rows at a time so
// that the tokens' planes are loaded once for all of them.
//
// A row and group of Q8_0 takes 14 instructions for 34 bytes (3 loads, 4 sdot, a shift, two conversions, an
// fma, a zeroed sum, a share of the activations' loads), one of Q4_0 16 for 18: with one or two cores memory
// may wait for arithmetic, with all of them arithmetic waits for memory.

#include "kernels/matmul/matmul.h"
#include "kernels/matmul/neon_planes.h"

namespace openelm::neon {

/// y[t * ldy + r] (+)= row r · token t for R rows and T tokens.
template <class Weights, size_t R, size_t T>
static inline void decode_rows(const uint8_t* rows, size_t row_stride, const uint8_t* tokens, size_t cols,
                               float* y, size_t ldy, bool accumulate) {
  const size_t token_stride = Planes<1>::stride(cols), scales_offset = Planes<1>::scales_offset(cols);
  float32x4_t total[R][T];
  for (size_t r = 0; r < R; ++r)
    for (size_t t = 0; t < T; ++t) total[r][t] = vdupq_n_f32(0);

  for (size_t c = 0; c < cols; c += kActivationBlock) {
    float32x4_t sum[R][T];  // of this block, without the activations' scale
    for (size_t r = 0; r < R; ++r)
      for (size_t t = 0; t < T; ++t) sum[r][t] = vdupq_n_f32(0);

    const size_t last = smaller(c + kActivationBlock, cols) / kGroup;
    for (size_t g = c / kGroup; g < last; ++g) {
      int8x16_t a[T][4];  // hi of both halves, lo of both
      for (size_t t = 0; t < T; ++t) {
        const uint8_t* group = tokens + t * token_stride + g * Planes<1>::kGroupBytes;
        for (size_t i = 0; i < 4; ++i) a[t][i] = vreinterpretq_s8_u8(vld1q_u8(group + 16 * i));
      }
      OPENELM_NEON_UNROLL
      for (size_t r = 0; r < R; ++r) {
        const uint8_t* block = rows + r * row_stride + g * Weights::kBytes;
        const float d = load_half(block);
        int8x16_t w[2];
        Weights::load(block, w);
        OPENELM_NEON_UNROLL
        for (size_t t = 0; t < T; ++t) {
          int32x4_t dot = vdotq_s32(vdotq_s32(vdupq_n_s32(0), w[0], a[t][0]), w[1], a[t][1]);
          dot = vdotq_s32(vdotq_s32(vshlq_n_s32(dot, 8), w[0], a[t][2]), w[1], a[t][3]);
          sum[r][t] = vfmaq_n_f32(sum[r][t], vcvtq_f32_s32(dot), d);
        }
      }
    }
    for (size_t t = 0; t < T; ++t) {
      const float scale =
          load_float(tokens + t * token_stride + scales_offset + c / kActivationBlock * sizeof(float)) *
          Weights::kUnit;
      for (size_t r = 0; r < R; ++r) total[r][t] = vfmaq_n_f32(total[r][t], sum[r][t], scale);
    }
  }

  for (size_t t = 0; t < T; ++t) {
    for (size_t r = 0; r < R; ++r) {
      const float value = vaddvq_f32(total[r][t]);
      y[t * ldy + r] = accumulate ? y[t * ldy + r] + value : value;
    }
  }
}

template <class Weights, size_t R, size_t T>
static inline void decode_tokens(const MatmulArgs& args, size_t first) {
  const size_t cols = args.w->cols, row_stride = cols / kGroup * Weights::kBytes;
  const uint8_t* tokens = static_cast<const uint8_t*>(args.packed) + first * Planes<1>::stride(cols);
  float* y = args.y + first * args.ldy;
  size_t row = args.row_begin;
  for (; row + R <= args.row_end; row += R)
    decode_rows<Weights, R, T>(args.w->data + row * row_stride, row_stride, tokens, cols, y + row, args.ldy,
                               args.accumulate);
  for (; row < args.row_end; ++row)
    decode_rows<Weights, 1, T>(args.w->data + row * row_stride, row_stride, tokens, cols, y + row, args.ldy,
                               args.accumulate);
}

/// MatmulImpl::run. With three tokens only two rows' sums fit the registers.
template <class Weights>
static void run_decode(const MatmulArgs& args) {
  size_t t = 0;
  for (; t + 3 <= args.tokens; t += 3) decode_tokens<Weights, 2, 3>(args, t);
  if (args.tokens - t == 2) decode_tokens<Weights, 4, 2>(args, t);
  if (args.tokens - t == 1) decode_tokens<Weights, 4, 1>(args, t);
}

}  // namespace openelm::neon
