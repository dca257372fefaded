#pragma once

// AVX-512 BF16: conversions round to nearest even, treat subnormal inputs as
// zero and make NaN quiet, whatever MXCSR says.

#include "lanes.h"

namespace emulation {
namespace {

inline uint16_t to_bfloat(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if (std::isnan(f)) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  if ((bits & 0x7f800000u) == 0) return static_cast<uint16_t>((bits >> 16) & 0x8000u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// The second operand goes to the lower half.
inline __m512bh cvtne2ps_pbh(__m512 high, __m512 low) {
  const Lanes<float> h(high), l(low);
  return each<uint16_t, __m512bh>([&](int i) { return to_bfloat(i < 16 ? l[i] : h[i - 16]); });
}

}  // namespace
}  // namespace emulation
