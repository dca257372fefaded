// RMS norm, NEON. Squares are summed in double: they overflow a float from 1.8e19 on, and the op is a
// thousandth of a matmul.

#include <cmath>

#include "kernels/simd/neon.h"
#include "kernels/variants.h"

namespace openelm {

void rms_norm_neon(const float* x, const float* weight, float eps, size_t n, float* y) {
  float64x2_t sums[4] = {vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0)};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t j = 0; j < 2; ++j) {
      const float32x4_t v = vld1q_f32(x + i + 4 * j);
      const float64x2_t low = vcvt_f64_f32(vget_low_f32(v)), high = vcvt_high_f64_f32(v);
      sums[2 * j] = vfmaq_f64(sums[2 * j], low, low);
      sums[2 * j + 1] = vfmaq_f64(sums[2 * j + 1], high, high);
    }
  }
  double squares = vaddvq_f64(vaddq_f64(vaddq_f64(sums[0], sums[1]), vaddq_f64(sums[2], sums[3])));
  for (; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];

  const float scale = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + eps));
  for (i = 0; i + 4 <= n; i += 4)
    vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), scale), vld1q_f32(weight + i)));
  for (; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

}  // namespace openelm
