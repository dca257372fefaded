// Rotary position embedding, scalar.

#include "kernels/variants.h"

namespace openelm {

void rope_reference(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim) {
  const size_t half = head_dim / 2;
  for (size_t h = 0; h < heads; ++h, x += head_dim) {
    for (size_t i = 0; i < half; ++i) {
      const double a = x[i], b = x[i + half];
      x[i] = static_cast<float>(a * cos[i] - b * sin[i]);
      x[i + half] = static_cast<float>(b * cos[i] + a * sin[i]);
    }
  }
}

}  // namespace openelm
