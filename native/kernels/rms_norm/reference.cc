// RMS norm, scalar.

#include <cmath>

#include "kernels/variants.h"

namespace openelm {

void rms_norm_reference(const float* x, const float* weight, float eps, size_t n, float* y) {
  double squares = 0;
  for (size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(n) + eps);
  for (size_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * scale * weight[i]);
}

}  // namespace openelm
