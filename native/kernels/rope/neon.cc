// Rotary position embedding, NEON.

#include "kernels/simd/neon.h"
#include "kernels/variants.h"

namespace openelm {

void rope_neon(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim) {
  const size_t half = head_dim / 2;
  for (size_t h = 0; h < heads; ++h, x += head_dim) {
    size_t i = 0;
    for (; i + 4 <= half; i += 4) {
      const float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + i + half);
      const float32x4_t c = vld1q_f32(cos + i), s = vld1q_f32(sin + i);
      vst1q_f32(x + i, vfmsq_f32(vmulq_f32(a, c), b, s));
      vst1q_f32(x + i + half, vfmaq_f32(vmulq_f32(b, c), a, s));
    }
    for (; i < half; ++i) {
      const float a = x[i], b = x[i + half];
      x[i] = a * cos[i] - b * sin[i];
      x[i + half] = b * cos[i] + a * sin[i];
    }
  }
}

}  // namespace openelm
