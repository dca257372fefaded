#pragma once

// The functions of Metal's library for entry points that run on this machine; those of groups are in
// groups.cc.

#include <math.h>

namespace metal {

inline float fabs(float x) {
  return ::fabsf(x);
}
inline float fma(float a, float b, float c) {
  return ::fmaf(a, b, c);
}
inline float fmax(float a, float b) {
  return ::fmaxf(a, b);
}
inline float fmin(float a, float b) {
  return ::fminf(a, b);
}
inline float rint(float x) {
  return ::rintf(x);
}
inline uint max(uint a, uint b) {
  return a < b ? b : a;
}
inline uint min(uint a, uint b) {
  return a < b ? a : b;
}
inline uint popcount(uint x) {
  return uint(__builtin_popcount(x));
}
inline uint clz(uint x) {
  return x == 0 ? 32 : uint(__builtin_clz(x));
}
namespace precise {
inline float exp(float x) {
  return ::expf(x);
}
inline float sqrt(float x) {
  return ::sqrtf(x);
}
}  // namespace precise

enum class mem_flags : uint { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
inline mem_flags operator|(mem_flags a, mem_flags b) {
  return mem_flags(uint(a) | uint(b));
}

/// Of the thread that runs.
uint simd_lane();
void wait_for_group();
void wait_for_simdgroup();
/// Every lane gives a value; the one that lane `from` gave.
uint exchange(uint value, uint from);

inline void threadgroup_barrier(mem_flags) {
  wait_for_group();
}
inline void simdgroup_barrier(mem_flags) {
  wait_for_simdgroup();
}

template <class T>
inline T simd_shuffle_xor(T value, ushort mask) {
  return as_type<T>(exchange(as_type<uint>(value), simd_lane() ^ mask));
}
inline float simd_max(float x) {
  for (uint step = 16; step > 0; step /= 2) x = fmax(x, simd_shuffle_xor(x, ushort(step)));
  return x;
}
inline uint simd_max(uint x) {
  for (uint step = 16; step > 0; step /= 2) x = max(x, simd_shuffle_xor(x, ushort(step)));
  return x;
}

}  // namespace metal
