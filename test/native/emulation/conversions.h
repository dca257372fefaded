#pragma once

// AVX-512: conversions, and movement between lanes.

#include "lanes.h"

namespace emulation {
namespace {

inline __m512i cvtepi8_epi16(__m256i a) {
  return convert<int16_t, __m512i, int8_t>(a, [](int8_t x) { return int16_t{x}; });
}
inline __m512i cvtepu8_epi16(__m256i a) {
  return convert<uint16_t, __m512i, uint8_t>(a, [](uint8_t x) { return uint16_t{x}; });
}
inline __m512i cvtepi8_epi32(__m128i a) {
  return convert<int32_t, __m512i, int8_t>(a, [](int8_t x) { return int32_t{x}; });
}
inline __m512i cvtepu16_epi32(__m256i a) {
  return convert<uint32_t, __m512i, uint16_t>(a, [](uint16_t x) { return uint32_t{x}; });
}
inline __m512 cvtepi32_ps(__m512i a) {
  return convert<float, __m512, int32_t>(a, [](int32_t x) { return static_cast<float>(x); });
}
/// What is not representable becomes INT32_MIN, the "integer indefinite".
inline int32_t to_integer(float x) {
  return x >= -0x1p31f && x < 0x1p31f ? static_cast<int32_t>(x) : INT32_MIN;
}
inline __m512i cvtps_epi32(__m512 a) {
  return convert<int32_t, __m512i, float>(a, [](float x) { return to_integer(std::nearbyint(x)); });
}
inline int32_t clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}
inline __m256i cvtsepi32_epi16(__m512i a) {
  return convert<int16_t, __m256i, int32_t>(
      a, [](int32_t x) { return static_cast<int16_t>(clamp(x, -32768, 32767)); });
}
inline __m128i cvtsepi32_epi8(__m512i a) {
  return convert<int8_t, __m128i, int32_t>(
      a, [](int32_t x) { return static_cast<int8_t>(clamp(x, -128, 127)); });
}
inline __m256i cvtsepi16_epi8(__m512i a) {
  return convert<int8_t, __m256i, int16_t>(
      a, [](int16_t x) { return static_cast<int8_t>(clamp(x, -128, 127)); });
}
inline __m512d cvtps_pd(__m256 a) {
  return convert<double, __m512d, float>(a, [](float x) { return double{x}; });
}
inline __m256 cvtpd_ps(__m512d a) {
  return convert<float, __m256, double>(a, [](double x) { return static_cast<float>(x); });
}
inline __m512 cvtph_ps(__m256i a) {
  return convert<float, __m512, uint16_t>(a, [](uint16_t x) { return _cvtsh_ss(x); });
}
template <int rounding>
__m256i cvtps_ph(__m512 a) {
  static_assert(rounding == _MM_FROUND_TO_NEAREST_INT);
  return convert<uint16_t, __m256i, float>(
      a, [](float x) { return static_cast<uint16_t>(_cvtss_sh(x, rounding)); });
}
inline float cvtss_f32(__m512 a) {
  return Lanes<float>(a)[0];
}

inline __m512i broadcast_i32x4(__m128i a) {
  const Lanes<uint32_t, 16> x(a);
  return each<uint32_t, __m512i>([&](int i) { return x[i % 4]; });
}
inline __m512 permutexvar_ps(__m512i index, __m512 a) {
  const Lanes<uint32_t> n(index);
  const Lanes<float> x(a);
  return each<float, __m512>([&](int i) { return x[static_cast<int>(n[i] & 15u)]; });
}
/// Indices of 32 and more take from the second table.
inline __m512i permutex2var_epi16(__m512i a, __m512i index, __m512i b) {
  const Lanes<uint16_t> x(a), n(index), y(b);
  return each<uint16_t, __m512i>([&](int i) {
    const int from = n[i] & 31;
    return (n[i] & 32) != 0 ? y[from] : x[from];
  });
}
inline __m512i cvtepi16_epi32(__m256i a) {
  return convert<int32_t, __m512i, int16_t>(a, [](int16_t x) { return int32_t{x}; });
}
/// The low byte of each lane.
inline __m128i cvtepi32_epi8(__m512i a) {
  return convert<uint8_t, __m128i, uint32_t>(a, [](uint32_t x) { return static_cast<uint8_t>(x); });
}
inline __m512i permutexvar_epi16(__m512i index, __m512i a) {
  const Lanes<uint16_t> n(index), x(a);
  return each<uint16_t, __m512i>([&](int i) { return x[n[i] % 32]; });
}
/// Within each 128 bits, the low (or high) halves of a and b in turn.
template <class Element, bool high>
__m512i unpack(__m512i a, __m512i b) {
  constexpr int kLane = 16 / sizeof(Element);
  const Lanes<Element> x(a), y(b);
  return each<Element, __m512i>([&](int i) {
    const int from = i / kLane * kLane + i % kLane / 2 + (high ? kLane / 2 : 0);
    return i % 2 ? y[from] : x[from];
  });
}
/// 128-bit lanes: two of a, then two of b, by two bits each.
template <int control>
__m512i shuffle_i32x4(__m512i a, __m512i b) {
  const Lanes<uint32_t> x(a), y(b);
  return each<uint32_t, __m512i>([&](int i) {
    const int lane = (control >> (i / 4 * 2)) & 3;
    return (i < 8 ? x : y)[4 * lane + i % 4];
  });
}
/// Within each 128 bits, two elements of a, then two of b.
template <int control>
__m512 shuffle_ps(__m512 a, __m512 b) {
  const Lanes<float> x(a), y(b);
  return each<float, __m512>([&](int i) {
    const int from = i / 4 * 4 + ((control >> (2 * (i % 4))) & 3);
    return i % 4 < 2 ? x[from] : y[from];
  });
}
template <class Half, class Vector, int which>
Half extract_half(Vector v) {
  Half half;
  std::memcpy(&half, reinterpret_cast<const char*>(&v) + which * sizeof half, sizeof half);
  return half;
}
template <class Half, class Vector, int which>
Vector insert_half(Vector v, Half half) {
  std::memcpy(reinterpret_cast<char*>(&v) + which * sizeof half, &half, sizeof half);
  return v;
}

}  // namespace
}  // namespace emulation
