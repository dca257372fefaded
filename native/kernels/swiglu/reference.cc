// SwiGLU, scalar.

#include <cmath>

#include "kernels/variants.h"

namespace openelm {

void swiglu_reference(const float* gate, const float* up, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) {
    const double g = gate[i];
    y[i] = static_cast<float>(g / (1.0 + std::exp(-g)) * up[i]);
  }
}

}  // namespace openelm
