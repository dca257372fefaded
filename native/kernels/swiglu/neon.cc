// SwiGLU, NEON.

#include "kernels/simd/neon.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

OPENELM_NEON_INLINE float32x4_t gated(float32x4_t gate, float32x4_t up) {
  const float32x4_t denominator = vaddq_f32(vdupq_n_f32(1), neon::exp(vnegq_f32(gate)));
  return vmulq_f32(vdivq_f32(gate, denominator), up);
}

}  // namespace

void swiglu_neon(const float* gate, const float* up, size_t n, float* y) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(y + i, gated(vld1q_f32(gate + i), vld1q_f32(up + i)));
  for (; i < n; ++i) y[i] = vgetq_lane_f32(gated(vdupq_n_f32(gate[i]), vdupq_n_f32(up[i])), 0);
}

}  // namespace openelm
