#include "model/rope_table.h"

#include <cmath>

namespace openelm {

RopeTable::RopeTable(double base, size_t head_dim, size_t positions)
    : half_(head_dim / 2), positions_(positions), cos_(half_ * positions), sin_(half_ * positions) {
  for (size_t i = 0; i < half_; ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(head_dim);
    const float frequency = static_cast<float>(1.0 / std::pow(base, exponent));
    for (size_t p = 0; p < positions; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      cos_[p * half_ + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin_[p * half_ + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

}  // namespace openelm
