#pragma once

#include <cstdint>

namespace openelm {

/// PCG-XSH-RR 64/32 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
/// Algorithms for Random Number Generation"): the same numbers for a seed on every machine and in every
/// release.
class Random {
 public:
  /// The seed goes through SplitMix64 first, so that neighbouring seeds begin unrelated sequences.
  explicit Random(uint64_t seed) {
    uint64_t z = seed + 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    next();
    state_ += z ^ z >> 31;
    next();
  }

  /// Uniform 32 bits.
  uint32_t next() {
    const uint64_t old = state_;
    state_ = old * 6364136223846793005ull + 1442695040888963407ull;
    const auto shifted = static_cast<uint32_t>((old >> 18 ^ old) >> 27);
    const auto turn = static_cast<uint32_t>(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
  }

  /// Uniform in [0, 1), a multiple of 2^-53. Takes two numbers.
  double uniform() {
    const uint64_t high = next() >> 5;
    const uint64_t low = next() >> 6;
    return static_cast<double>(high << 26 | low) * 0x1p-53;
  }

 private:
  uint64_t state_ = 0;
};

}  // namespace openelm
