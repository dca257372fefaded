#pragma once

// AVX-512: loads, stores and constants.

#include "lanes.h"

namespace emulation {
namespace {

template <class Vector>
Vector load(const void* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline __m512 loadu_ps(const void* p) {
  return load<__m512>(p);
}
inline __m512i loadu_si512(const void* p) {
  return load<__m512i>(p);
}
/// Aligned forms fault (#GP) on other addresses.
inline void require_line(const void* p) {
  check(reinterpret_cast<uintptr_t>(p) % 64 == 0, "an aligned load or store of an address that is not");
}
inline __m512 load_ps(const void* p) {
  require_line(p);
  return load<__m512>(p);
}
inline __m512i load_si512(const void* p) {
  require_line(p);
  return load<__m512i>(p);
}
inline void storeu_ps(void* p, __m512 v) {
  std::memcpy(p, &v, sizeof v);
}
inline void storeu_si512(void* p, __m512i v) {
  std::memcpy(p, &v, sizeof v);
}
inline void store_ps(void* p, __m512 v) {
  require_line(p);
  storeu_ps(p, v);
}
inline void store_si512(void* p, __m512i v) {
  require_line(p);
  storeu_si512(p, v);
}
/// Only the lanes of the mask are read, as memory beyond them may not exist.
inline __m512 mask_loadu_ps(__m512 other, __mmask16 mask, const void* p) {
  Lanes<float> r(other);
  for (int i = 0; i < 16; ++i)
    if (bit(mask, i)) std::memcpy(&r[i], static_cast<const char*>(p) + 4 * i, 4);
  return r.as<__m512>();
}
inline __m512 maskz_loadu_ps(__mmask16 mask, const void* p) {
  return mask_loadu_ps(__m512{}, mask, p);
}
inline void mask_storeu_ps(void* p, __mmask16 mask, __m512 v) {
  const Lanes<float> x(v);
  for (int i = 0; i < 16; ++i)
    if (bit(mask, i)) std::memcpy(static_cast<char*>(p) + 4 * i, &x[i], 4);
}
inline __m256i maskz_loadu_epi16_256(__mmask16 mask, const void* p) {
  Lanes<uint16_t, 32> r;
  for (int i = 0; i < 16; ++i)
    if (bit(mask, i)) std::memcpy(&r[i], static_cast<const char*>(p) + 2 * i, 2);
  return r.as<__m256i>();
}
inline __m512i maskz_loadu_epi16(__mmask32 mask, const void* p) {
  Lanes<uint16_t> r;
  for (int i = 0; i < 32; ++i)
    if (bit(mask, i)) std::memcpy(&r[i], static_cast<const char*>(p) + 2 * i, 2);
  return r.as<__m512i>();
}
inline __m512 set1_ps(float x) {
  return each<float, __m512>([=](int) { return x; });
}
inline __m512d set1_pd(double x) {
  return each<double, __m512d>([=](int) { return x; });
}
inline __m512i set1_epi8(char x) {
  return each<char, __m512i>([=](int) { return x; });
}
inline __m256i maskz_set1_epi8_256(__mmask32 mask, char x) {
  return each<char, __m256i>([=](int i) { return bit(mask, i) ? x : char{0}; });
}
inline __m512i set1_epi16(short x) {
  return each<int16_t, __m512i>([=](int) { return x; });
}
inline __m512i set1_epi32(int x) {
  return each<int32_t, __m512i>([=](int) { return x; });
}
inline __m512 setzero_ps() {
  return __m512{};
}
inline __m512d setzero_pd() {
  return __m512d{};
}
inline __m512i setzero_si512() {
  return __m512i{};
}
/// The highest lane comes first.
template <class... Shorts>
__m512i set_epi16(Shorts... values) {
  static_assert(sizeof...(values) == 32);
  const int16_t list[] = {static_cast<int16_t>(values)...};
  return each<int16_t, __m512i>([&](int i) { return list[31 - i]; });
}

template <class... Ints>
__m512i set_epi32(Ints... values) {
  static_assert(sizeof...(values) == 16);
  const int given[] = {values...};
  return each<int, __m512i>([&](int i) { return given[15 - i]; });
}

}  // namespace
}  // namespace emulation
