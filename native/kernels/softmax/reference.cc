// Softmax, scalar.

#include <cmath>

#include "kernels/variants.h"

namespace openelm {

void softmax_reference(float* x, size_t n) {
  double largest = -INFINITY, total = 0;
  for (size_t i = 0; i < n; ++i) largest = std::fmax(largest, x[i]);
  for (size_t i = 0; i < n; ++i) total += std::exp(x[i] - largest);
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(std::exp(x[i] - largest) / total);
}

}  // namespace openelm
