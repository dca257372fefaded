// Softmax, scalar.

#include <cmath>

#include "kernels/variants.h"

namespace openelm {

void softmax_reference(float* x, size_t n) {
  double largest = -INFINITY, total = 0;
  // Not std::fmax: GCC 12 ends in an internal error when it vectorizes that for arm64.
  for (size_t i = 0; i < n; ++i)
    if (x[i] > largest) largest = x[i];
  for (size_t i = 0; i < n; ++i) total += std::exp(x[i] - largest);
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(std::exp(x[i] - largest) / total);
}

}  // namespace openelm
