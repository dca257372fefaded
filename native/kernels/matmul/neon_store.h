#pragma once

// Writing the sums of a tile of eight rows, for both prefill kernels of the neon matmul.

#include "kernels/simd/neon.h"

namespace openelm::neon {

inline constexpr size_t kTileRows = 8;

/// Writes or adds `rows` (at most eight) sums of one token at y.
static inline void store_row(const float32x4_t v[2], size_t rows, float* y, bool accumulate) {
  if (rows == kTileRows) {
    vst1q_f32(y, accumulate ? vaddq_f32(vld1q_f32(y), v[0]) : v[0]);
    vst1q_f32(y + 4, accumulate ? vaddq_f32(vld1q_f32(y + 4), v[1]) : v[1]);
    return;
  }
  float values[kTileRows];
  vst1q_f32(values, v[0]);
  vst1q_f32(values + 4, v[1]);
  for (size_t r = 0; r < rows; ++r) y[r] = accumulate ? y[r] + values[r] : values[r];
}

}  // namespace openelm::neon
