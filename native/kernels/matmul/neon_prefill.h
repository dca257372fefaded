#pragma once

// Prefill over Q8_0 and Q4_0: from four tokens on. A panel of weights (64 rows × 512 columns) is unpacked
// once into the lane order of `sdot` by element, then multiplied with every set of four tokens while it stays
// in the L1 cache (36 KB); a set's 4 KB of activations are read once for the panel's 64 rows.
//
// The inner tile is 8 rows × 4 tokens: 8 integer and 8 block sums, and room for the operands. A group of
// 32 columns, 1,024 products of 16 by 8 bits, takes 199 instructions (GCC 12): 128 sdot, 24 shifts,
// conversions and fma, 26 loads (most of pairs), 16 register moves.

#include "kernels/matmul/matmul.h"
#include "kernels/matmul/neon_planes.h"
#include "kernels/matmul/neon_store.h"

namespace openelm::neon {

inline constexpr size_t kPanelRows = 64, kPanelCols = 512;
inline constexpr size_t kTileTokens = 4;

/// One group of eight rows in a panel: [column / 4][row][column % 4].
inline constexpr size_t kTileGroupBytes = kGroup * kTileRows;

struct Panel {
  int8_t weights[kPanelRows * kPanelCols];           // [tile of rows][group][kTileGroupBytes]
  float scales[kPanelRows * (kPanelCols / kGroup)];  // [tile of rows][group][row]
};

/// Four rows of 16 columns to [column / 4][row][column % 4].
OPENELM_NEON_INLINE void interleave(const int8x16_t rows[4], int8_t* dst) {
  float32x4_t v[4];
  for (size_t r = 0; r < 4; ++r) v[r] = vreinterpretq_f32_s8(rows[r]);
  transpose4(v);
  for (size_t k = 0; k < 4; ++k) vst1q_s8(dst + k * 4 * kTileRows, vreinterpretq_s8_f32(v[k]));
}

/// Unpacks `groups` groups from column `c` of up to eight rows; rows beyond `row_end` repeat the last one.
template <class Weights>
static inline void unpack_tile(const WeightMatrix& w, size_t row, size_t row_end, size_t c, size_t groups,
                               int8_t* weights, float* scales) {
  const size_t row_stride = w.cols / kGroup * Weights::kBytes;
  for (size_t quad = 0; quad < kTileRows; quad += 4) {
    const uint8_t* rows[4];
    for (size_t r = 0; r < 4; ++r)
      rows[r] = w.data + smaller(row + quad + r, row_end - 1) * row_stride + c / kGroup * Weights::kBytes;
    for (size_t g = 0; g < groups; ++g) {
      int8x16_t low[4], high[4];
      for (size_t r = 0; r < 4; ++r) {
        int8x16_t q[2];
        Weights::load(rows[r] + g * Weights::kBytes, q);
        low[r] = q[0];
        high[r] = q[1];
        scales[g * kTileRows + quad + r] = load_half(rows[r] + g * Weights::kBytes) * Weights::kUnit;
      }
      int8_t* group = weights + g * kTileGroupBytes + 4 * quad;
      interleave(low, group);
      interleave(high, group + kTileGroupBytes / 2);
    }
  }
}

/// sum[token][rows] += the products of half a group in one plane, 16 columns.
OPENELM_NEON_INLINE void multiply_half(const int8_t* w, const int8_t* a, int32x4_t sum[kTileTokens][2]) {
  int8x16_t tokens[kTileTokens];
  for (size_t t = 0; t < kTileTokens; ++t) tokens[t] = vld1q_s8(a + 16 * t);
#define OPENELM_COLUMNS(lane)                                      \
  {                                                                \
    keep_loads_here();                                             \
    const int8x16_t w0 = vld1q_s8(w + 32 * (lane));                \
    const int8x16_t w1 = vld1q_s8(w + 32 * (lane) + 16);           \
    for (size_t t = 0; t < kTileTokens; ++t) {                     \
      sum[t][0] = vdotq_laneq_s32(sum[t][0], w0, tokens[t], lane); \
      sum[t][1] = vdotq_laneq_s32(sum[t][1], w1, tokens[t], lane); \
    }                                                              \
  }
  OPENELM_COLUMNS(0)
  OPENELM_COLUMNS(1)
  OPENELM_COLUMNS(2)
  OPENELM_COLUMNS(3)
#undef OPENELM_COLUMNS
}

/// total[token][rows] = the tile over `groups` groups of 32 columns.
static inline void multiply_tile(const int8_t* w, const float* w_scales, const int8_t* a,
                                 const float* a_scales, size_t groups, float32x4_t total[kTileTokens][2]) {
  constexpr size_t kBlockGroups = kActivationBlock / kGroup, kPlane = Planes<kTileTokens>::kGroupBytes / 2;
  for (size_t t = 0; t < kTileTokens; ++t) total[t][0] = total[t][1] = vdupq_n_f32(0);
  for (size_t begin = 0; begin < groups; begin += kBlockGroups, a_scales += kTileTokens) {
    float32x4_t sum[kTileTokens][2];  // of this block, without the activations' scales
    for (size_t t = 0; t < kTileTokens; ++t) sum[t][0] = sum[t][1] = vdupq_n_f32(0);
    const size_t end = smaller(groups, begin + kBlockGroups);
    for (size_t g = begin; g < end; ++g) {
      int32x4_t dot[kTileTokens][2];
      for (size_t t = 0; t < kTileTokens; ++t) dot[t][0] = dot[t][1] = vdupq_n_s32(0);
      multiply_half(w, a, dot);
      multiply_half(w + kTileGroupBytes / 2, a + kPlane / 2, dot);
      for (size_t t = 0; t < kTileTokens; ++t)
        for (size_t i = 0; i < 2; ++i) dot[t][i] = vshlq_n_s32(dot[t][i], 8);
      multiply_half(w, a + kPlane, dot);
      multiply_half(w + kTileGroupBytes / 2, a + kPlane + kPlane / 2, dot);
      for (size_t i = 0; i < 2; ++i) {
        const float32x4_t d = vld1q_f32(w_scales + 4 * i);
        for (size_t t = 0; t < kTileTokens; ++t)
          sum[t][i] = vfmaq_f32(sum[t][i], vcvtq_f32_s32(dot[t][i]), d);
      }
      w += kTileGroupBytes;
      w_scales += kTileRows;
      a += 2 * kPlane;
    }
    const float32x4_t scales = vld1q_f32(a_scales);
    for (size_t i = 0; i < 2; ++i) {
      total[0][i] = vfmaq_laneq_f32(total[0][i], sum[0][i], scales, 0);
      total[1][i] = vfmaq_laneq_f32(total[1][i], sum[1][i], scales, 1);
      total[2][i] = vfmaq_laneq_f32(total[2][i], sum[2][i], scales, 2);
      total[3][i] = vfmaq_laneq_f32(total[3][i], sum[3][i], scales, 3);
    }
  }
}

static inline size_t prefill_scratch_bytes(size_t /*tokens*/, size_t /*cols*/) {
  return sizeof(Panel);
}

/// All tokens against the panel's `rows` rows from `row` and columns from `c`.
static inline void multiply_panel(const MatmulArgs& args, const Panel& panel, size_t row, size_t rows,
                                  size_t c, size_t groups) {
  using Set = Planes<kTileTokens>;
  const size_t cols = args.w->cols, stride = Set::stride(cols), scales_offset = Set::scales_offset(cols);
  const bool accumulate = args.accumulate || c > 0;
  for (size_t t = 0; t < args.tokens; t += kTileTokens) {
    const uint8_t* set = static_cast<const uint8_t*>(args.packed) + t / kTileTokens * stride;
    const int8_t* planes = reinterpret_cast<const int8_t*>(set) + c / kGroup * Set::kGroupBytes;
    const float* scales =
        reinterpret_cast<const float*>(set + scales_offset) + c / kActivationBlock * kTileTokens;
    for (size_t r = 0; r < rows; r += kTileRows) {
      float32x4_t total[kTileTokens][2];
      multiply_tile(panel.weights + r * kPanelCols, panel.scales + r * (kPanelCols / kGroup), planes, scales,
                    groups, total);
      for (size_t i = 0; i < smaller(kTileTokens, args.tokens - t); ++i)
        store_row(total[i], smaller(kTileRows, rows - r), args.y + (t + i) * args.ldy + row + r, accumulate);
    }
  }
}

/// MatmulImpl::run. Between the column blocks of a panel, sums wait in y.
template <class Weights>
static void run_prefill(const MatmulArgs& args) {
  const size_t cols = args.w->cols;
  Panel& panel = *static_cast<Panel*>(args.scratch);
  for (size_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    const size_t rows = smaller(kPanelRows, args.row_end - row);
    for (size_t c = 0; c < cols; c += kPanelCols) {
      const size_t groups = smaller(kPanelCols, cols - c) / kGroup;
      for (size_t r = 0; r < rows; r += kTileRows)
        unpack_tile<Weights>(*args.w, row + r, args.row_end, c, groups, panel.weights + r * kPanelCols,
                             panel.scales + r * (kPanelCols / kGroup));
      multiply_panel(args, panel, row, rows, c, groups);
    }
  }
}

}  // namespace openelm::neon
