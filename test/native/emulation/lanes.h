#pragma once

// Vectors as arrays of lanes, which the emulated intrinsics are written in.

#include <immintrin.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emulation {
namespace {

/// What would fault on the processor ends the program.
[[noreturn]] inline void fault(const char* what) {
  std::fprintf(stderr, "emulated fault: %s\n", what);
  std::abort();
}

inline void check(bool ok, const char* what) {
  if (!ok) fault(what);
}

/// A vector as an array of elements.
template <class Element, size_t bytes = 64>
struct Lanes {
  static constexpr int kCount = static_cast<int>(bytes / sizeof(Element));
  Element e[kCount];

  Lanes() { std::memset(e, 0, bytes); }
  template <class Vector>
  explicit Lanes(const Vector& v) {
    static_assert(sizeof(Vector) == bytes);
    std::memcpy(e, &v, bytes);
  }
  Element& operator[](int i) { return e[i]; }
  const Element& operator[](int i) const { return e[i]; }
  template <class Vector>
  Vector as() const {
    static_assert(sizeof(Vector) == bytes);
    Vector v;
    std::memcpy(&v, e, bytes);
    return v;
  }
};

/// result[i] = f(i).
template <class Element, class Vector, class F>
Vector each(F f) {
  Lanes<Element, sizeof(Vector)> r;
  for (int i = 0; i < r.kCount; ++i) r[i] = f(i);
  return r.template as<Vector>();
}

template <class Element, class Vector, class F>
Vector each(Vector a, F f) {
  const Lanes<Element, sizeof(Vector)> x(a);
  return each<Element, Vector>([&](int i) { return f(x[i]); });
}

template <class Element, class Vector, class F>
Vector each(Vector a, Vector b, F f) {
  const Lanes<Element, sizeof(Vector)> x(a), y(b);
  return each<Element, Vector>([&](int i) { return f(x[i], y[i]); });
}

template <class To, class From>
To cast(From v) {
  To r;
  static_assert(sizeof(To) <= 4 * sizeof(From));
  std::memset(&r, 0x5a,
              sizeof r);  // what a widening cast leaves undefined is visible as such
  std::memcpy(&r, &v, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
  return r;
}

/// Lanes of one width converted to as many of another.
template <class Element, class Vector, class FromElement, class From, class F>
Vector convert(From v, F f) {
  const Lanes<FromElement, sizeof(From)> x(v);
  return each<Element, Vector>([&](int i) { return f(x[i]); });
}

inline bool bit(uint64_t mask, int i) {
  return ((mask >> i) & 1) != 0;
}

}  // namespace
}  // namespace emulation
