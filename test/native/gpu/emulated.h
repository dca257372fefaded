#pragma once

// What the emulated checks share: numbers, and TAP.

#include <cmath>
#include <cstdint>
#include <cstdio>

namespace openelm::emulation {

/// Numbers that are the same everywhere (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [-1, 1).
  float symmetric() { return static_cast<float>(static_cast<int64_t>(next()) >> 40) * 0x1p-23f; }

 private:
  uint64_t state_;
};

/// The larger of two errors; NaN is larger than all.
inline double larger(double a, double b) {
  return b > a || std::isnan(b) ? (std::isnan(a) ? a : b) : a;
}

struct Tally {
  int passed = 0, failed = 0;
};
inline Tally& tally() {
  static Tally counts;
  return counts;
}

inline void report(bool ok, const char* text) {
  Tally& counts = tally();
  ++(ok ? counts.passed : counts.failed);
  std::printf("%sok %d - %s\n", ok ? "" : "not ", counts.passed + counts.failed, text);
  std::fflush(stdout);
}

}  // namespace openelm::emulation
