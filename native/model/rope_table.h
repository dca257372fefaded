#pragma once

#include <cstddef>
#include <vector>

namespace openelm {

/// Cosines and sines of RoPE's angles for positions [0, n), [n][head_dim / 2] each.
class RopeTable {
 public:
  /// Angles are formed in f32, as the model's original code does: at large positions the rounding of the
  /// angle is part of what the model was trained with.
  RopeTable(double base, size_t head_dim, size_t positions);

  size_t positions() const noexcept { return positions_; }
  const float* cos(size_t position) const noexcept { return cos_.data() + position * half_; }
  const float* sin(size_t position) const noexcept { return sin_.data() + position * half_; }

 private:
  size_t half_, positions_;
  std::vector<float> cos_, sin_;
};

}  // namespace openelm
