#pragma once

// Reproducible numbers: SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators").

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace openelm::check {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t below(size_t n) { return bits() % n; }
  /// Uniform in [low, high).
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
  }
  /// Roughly normal, mean 0 and variance 1.
  float normal() {
    float sum = 0;
    for (int i = 0; i < 12; ++i) sum += uniform(0, 1);
    return sum - 6;
  }
  void bytes(uint8_t* out, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(bits() >> 56);
  }

 private:
  uint64_t state_;
};

}  // namespace openelm::check
