#pragma once

// half, bfloat and vectors, with the conversions that Metal has: halves and bfloats turn to and from float,
// vectors are made of one value for all, of one for each, or of a vector of another type.

#ifdef __OPENCL_CPP_VERSION__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable  // half is a word of the language
#else
struct half {
  half() = default;
  explicit half(float x) {
    const uint32_t bits = as_type<uint32_t>(x), sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
      bits_ = uint16_t(sign | 0x7e00u);
    } else if (magnitude >= 0x477ff000u) {  // rounds to 65536 or more
      bits_ = uint16_t(sign | 0x7c00u);
    } else if (magnitude < 0x38800000u) {  // subnormal: units of 2^-24, rounded to even by adding 2^-1
      const float units = as_type<float>(magnitude) + 0.5f;
      bits_ = uint16_t(sign | (as_type<uint32_t>(units) - 0x3f000000u));
    } else {
      magnitude += 0xfffu + (magnitude >> 13 & 1u);
      bits_ = uint16_t(sign | (magnitude - 0x38000000u) >> 13);
    }
  }
  operator float() const {
    const uint32_t sign = uint32_t(bits_ & 0x8000u) << 16, exponent = bits_ >> 10 & 31u,
                   fraction = bits_ & 0x3ffu;
    if (exponent == 31) return as_type<float>(sign | 0x7f800000u | fraction << 13);
    const float magnitude = exponent == 0 ? float(fraction) * 5.9604644775390625e-8f
                                          : as_type<float>((exponent + 112) << 23 | fraction << 13);
    return sign != 0 ? -magnitude : magnitude;
  }
  uint16_t bits_;
};
#endif

struct bfloat {
  bfloat() = default;
  explicit bfloat(float x) {
    const uint32_t bits = as_type<uint32_t>(x);
    bits_ = (bits & 0x7fffffffu) > 0x7f800000u ? uint16_t(bits >> 16 | 64u)
                                               : uint16_t((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
  }
  operator float() const { return as_type<float>(uint32_t(bits_) << 16); }
  uint16_t bits_;
};

namespace metal {

template <class T>
struct alignas(2 * sizeof(T)) vector2 {
  vector2() = default;
  explicit vector2(T all) : x(all), y(all) {}
  vector2(T a, T b) : x(a), y(b) {}
  T x, y;
};

template <class T>
struct alignas(4 * sizeof(T)) vector3 {
  vector3() = default;
  vector3(T a, T b, T c) : x(a), y(b), z(c) {}
  T x, y, z;
};

template <class T>
struct alignas(4 * sizeof(T)) vector4 {
  vector4() = default;
  explicit vector4(T all) : x(all), y(all), z(all), w(all) {}
  vector4(T a, T b, T c, T d) : x(a), y(b), z(c), w(d) {}
  template <class From>
  explicit vector4(vector4<From> from) : x(from.x), y(from.y), z(from.z), w(from.w) {}
  vector4 operator+(vector4 o) const { return {T(x + o.x), T(y + o.y), T(z + o.z), T(w + o.w)}; }
  vector4 operator*(vector4 o) const { return {T(x * o.x), T(y * o.y), T(z * o.z), T(w * o.w)}; }
  T x, y, z, w;
};

typedef vector2<ulong> ulong2;
typedef vector2<float> float2;
typedef vector3<uint> uint3;
typedef vector4<int8_t> char4;
typedef vector4<uchar> uchar4;
typedef vector4<int> int4;
typedef vector4<uint> uint4;
typedef vector4<float> float4;

}  // namespace metal
