#pragma once

// AVX-512: arithmetic on floats. Fused operations round once.

#include "lanes.h"

namespace emulation {
namespace {

inline __m512 add_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x + y; });
}
inline __m512 sub_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x - y; });
}
inline __m512 mul_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x * y; });
}
inline __m512 div_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x / y; });
}
inline __m512 maskz_div_ps(__mmask16 mask, __m512 a, __m512 b) {
  const Lanes<float> x(a), y(b);
  return each<float, __m512>([&](int i) { return bit(mask, i) ? x[i] / y[i] : 0.0f; });
}
/// The second operand when either is NaN or both are zeros.
inline __m512 max_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x > y ? x : y; });
}
inline __m512 min_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) { return x < y ? x : y; });
}
inline __m512d add_pd(__m512d a, __m512d b) {
  return each<double>(a, b, [](double x, double y) { return x + y; });
}
inline __m512d mul_pd(__m512d a, __m512d b) {
  return each<double>(a, b, [](double x, double y) { return x * y; });
}
inline __m512 fmadd_ps(__m512 a, __m512 b, __m512 c) {
  const Lanes<float> z(c), x(a), y(b);
  return each<float, __m512>([&](int i) { return std::fma(x[i], y[i], z[i]); });
}
inline __m512 fnmadd_ps(__m512 a, __m512 b, __m512 c) {
  const Lanes<float> z(c), x(a), y(b);
  return each<float, __m512>([&](int i) { return std::fma(-x[i], y[i], z[i]); });
}
inline __m512d fmadd_pd(__m512d a, __m512d b, __m512d c) {
  const Lanes<double> z(c), x(a), y(b);
  return each<double, __m512d>([&](int i) { return std::fma(x[i], y[i], z[i]); });
}
/// Only the form that is used: to whole numbers, nearest even.
template <int control>
__m512 roundscale_ps(__m512 a) {
  static_assert(control == 0);
  return each<float>(a, [](float x) { return std::nearbyint(x); });
}
/// Only the form that is used: a less the whole number below it; 0 for infinities.
template <int control>
__m512 reduce_ps(__m512 a) {
  static_assert(control == 1);
  return each<float>(a, [](float x) { return std::isinf(x) ? 0.0f : x - std::floor(x); });
}
/// The processor's is off by up to 2^-14 of the result.
inline __m512 rcp14_ps(__m512 a) {
  return each<float>(a, [](float x) { return 1 / x * (1 - 0x1p-15f); });
}
/// a · 2^floor(b), one rounding; NaN stays.
inline __m512 scalef_ps(__m512 a, __m512 b) {
  return each<float>(a, b, [](float x, float y) {
    if (std::isnan(x) || std::isnan(y)) return x + y;
    return std::ldexp(x, static_cast<int>(std::fmax(std::fmin(std::floor(y), 1000.0f), -1000.0f)));
  });
}
/// _CMP_LT_OQ, the only predicate used.
template <int predicate>
__mmask16 cmp_ps_mask(__m512 a, __m512 b) {
  static_assert(predicate == _CMP_LT_OQ);
  const Lanes<float> x(a), y(b);
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>(x[i] < y[i]) << i;
  return static_cast<__mmask16>(mask);
}
inline __m512 mask_blend_ps(__mmask16 mask, __m512 a, __m512 b) {
  const Lanes<float> x(a), y(b);
  return each<float, __m512>([&](int i) { return bit(mask, i) ? y[i] : x[i]; });
}

}  // namespace
}  // namespace emulation
