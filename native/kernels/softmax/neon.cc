// Softmax, NEON. The sum is kept in double: over a vocabulary a float's sum loses digits.

#include <cmath>

#include "kernels/simd/neon.h"
#include "kernels/variants.h"

namespace openelm {

void softmax_neon(float* x, size_t n) {
  size_t i = 0;
  float32x4_t largest4 = vdupq_n_f32(-INFINITY);
  for (; i + 4 <= n; i += 4) largest4 = vmaxq_f32(largest4, vld1q_f32(x + i));
  for (; i < n; ++i) largest4 = vmaxq_f32(largest4, vdupq_n_f32(x[i]));
  const float32x4_t largest = vdupq_n_f32(vmaxvq_f32(largest4));

  float64x2_t sums = vdupq_n_f64(0);
  for (i = 0; i + 4 <= n; i += 4) {
    const float32x4_t e = neon::exp(vsubq_f32(vld1q_f32(x + i), largest));
    vst1q_f32(x + i, e);
    sums = neon::add_wide(sums, e);
  }
  double total = vaddvq_f64(sums);
  for (; i < n; ++i) {
    x[i] = vgetq_lane_f32(neon::exp(vsubq_f32(vdupq_n_f32(x[i]), largest)), 0);
    total += x[i];
  }

  const float scale = static_cast<float>(1.0 / total);
  for (i = 0; i + 4 <= n; i += 4) vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), scale));
  for (; i < n; ++i) x[i] *= scale;
}

}  // namespace openelm
