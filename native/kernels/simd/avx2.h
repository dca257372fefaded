#pragma once

// Helpers of the avx2 variant. Everything has internal linkage: code compiled with AVX2 flags must never be
// the copy of a function that the linker keeps for the others.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace openelm {
namespace {

/// acc += v and acc += a · b in this place of the program and in the register of acc. Left to itself GCC
/// computes all products of an unrolled loop before it adds any, runs out of registers and keeps accumulators
/// in memory, at a third of the speed.
#if defined(__GNUC__)
inline void accumulate(__m256i& acc, __m256i v) {
  __asm__ volatile("vpaddd %1, %0, %0" : "+x"(acc) : "x"(v));
}
inline void accumulate(__m256& acc, __m256 a, __m256 b) {
  __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
}
#else
inline void accumulate(__m256i& acc, __m256i v) {
  acc = _mm256_add_epi32(acc, v);
}
inline void accumulate(__m256& acc, __m256 a, __m256 b) {
  acc = _mm256_fmadd_ps(a, b, acc);
}
#endif

inline size_t min_of(size_t a, size_t b) {
  return a < b ? a : b;
}

inline __m256i load_i256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

inline __m128i load_i128(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}

inline uint32_t load_u32(const uint8_t* p) {
  uint32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline float half_at(const uint8_t* p) {
  uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _cvtsh_ss(bits);
}

inline float sum_of(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}

inline float max_of(__m256 v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  m = _mm_max_ss(m, _mm_movehdup_ps(m));
  return _mm_cvtss_f32(m);
}

/// Sums of four vectors, in order. Shuffles and additions: a vhaddps is four instructions inside.
inline __m128 sums_of(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256 t = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
}

/// Sums of four vectors, in order, each added as sum_of adds: for results that must not depend on whether a
/// vector is summed alone.
inline __m128 ordered_sums_of(const __m256 v[4]) {
  __m128 part[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    part[i] = _mm_add_ps(_mm256_castps256_ps128(v[i]), _mm256_extractf128_ps(v[i], 1));
  _MM_TRANSPOSE4_PS(part[0], part[1], part[2], part[3]);
  return _mm_add_ps(_mm_add_ps(part[0], part[2]), _mm_add_ps(part[1], part[3]));
}

/// Mask of the first n of 8 lanes, for maskload and maskstore.
inline __m256i first_lanes(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline __m256 abs_of(__m256 v) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

/// exp(x), relative error below 2^-22 where the result is a normal number. Arguments are clamped to
/// [-87.33, 88.37], so that below the result stays near 1e-38 and above near 2.4e38; NaN stays NaN.
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2 (ln 2 in two parts, Cody & Waite); e^r by its Taylor series to degree
/// 7, whose remainder there is below 6e-9.
inline __m256 exp_of(__m256 x) {
  x = _mm256_max_ps(_mm256_set1_ps(-87.33f), _mm256_min_ps(_mm256_set1_ps(88.37f), x));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.0f / 5040);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

/// Transposes 8 × 8 32-bit elements in place.
inline void transpose8(__m256i r[8]) {
  const __m256i a0 = _mm256_unpacklo_epi32(r[0], r[1]), a1 = _mm256_unpackhi_epi32(r[0], r[1]);
  const __m256i a2 = _mm256_unpacklo_epi32(r[2], r[3]), a3 = _mm256_unpackhi_epi32(r[2], r[3]);
  const __m256i a4 = _mm256_unpacklo_epi32(r[4], r[5]), a5 = _mm256_unpackhi_epi32(r[4], r[5]);
  const __m256i a6 = _mm256_unpacklo_epi32(r[6], r[7]), a7 = _mm256_unpackhi_epi32(r[6], r[7]);
  const __m256i b0 = _mm256_unpacklo_epi64(a0, a2), b1 = _mm256_unpackhi_epi64(a0, a2);
  const __m256i b2 = _mm256_unpacklo_epi64(a1, a3), b3 = _mm256_unpackhi_epi64(a1, a3);
  const __m256i b4 = _mm256_unpacklo_epi64(a4, a6), b5 = _mm256_unpackhi_epi64(a4, a6);
  const __m256i b6 = _mm256_unpacklo_epi64(a5, a7), b7 = _mm256_unpackhi_epi64(a5, a7);
  r[0] = _mm256_permute2x128_si256(b0, b4, 0x20);
  r[1] = _mm256_permute2x128_si256(b1, b5, 0x20);
  r[2] = _mm256_permute2x128_si256(b2, b6, 0x20);
  r[3] = _mm256_permute2x128_si256(b3, b7, 0x20);
  r[4] = _mm256_permute2x128_si256(b0, b4, 0x31);
  r[5] = _mm256_permute2x128_si256(b1, b5, 0x31);
  r[6] = _mm256_permute2x128_si256(b2, b6, 0x31);
  r[7] = _mm256_permute2x128_si256(b3, b7, 0x31);
}

/// Sixteen sums for each of T columns, as members rather than an array: GCC keeps members in registers,
/// arrays in memory.
template <int T>
struct Sums {
  Sums<T - 1> others;
  __m256 low, high;

  void load(const float* acc, size_t stride) {
    others.load(acc, stride);
    low = _mm256_loadu_ps(acc + (T - 1) * stride);
    high = _mm256_loadu_ps(acc + (T - 1) * stride + 8);
  }
  void add(__m256 w0, __m256 w1, const float* x, size_t stride) {
    others.add(w0, w1, x, stride);
    const __m256 v = _mm256_broadcast_ss(x + (T - 1) * stride);
    accumulate(low, w0, v);
    accumulate(high, w1, v);
  }
  void store(float* acc, size_t stride) const {
    others.store(acc, stride);
    _mm256_storeu_ps(acc + (T - 1) * stride, low);
    _mm256_storeu_ps(acc + (T - 1) * stride + 8, high);
  }
};

template <>
struct Sums<0> {
  void load(const float*, size_t) {}
  void add(__m256, __m256, const float*, size_t) {}
  void store(float*, size_t) const {}
};

/// acc[t][16] += Σ_k panel[k][16] · x(t, k) of T columns, in f32; the inner kernel of float matmuls and of
/// attention. x(t, k) lies at x[t * stride + k]; rows of acc are acc_stride apart.
template <int T>
inline void multiply_f32(const float* panel, size_t panel_stride, const float* x, size_t stride, size_t n,
                         float* acc, size_t acc_stride) {
  Sums<T> sums;
  sums.load(acc, acc_stride);
  for (size_t k = 0; k < n; ++k, panel += panel_stride)
    sums.add(_mm256_loadu_ps(panel), _mm256_loadu_ps(panel + 8), x + k, stride);
  sums.store(acc, acc_stride);
}

/// multiply_f32 for 1 to 6 columns.
inline void multiply_f32(int t, const float* panel, size_t panel_stride, const float* x, size_t stride,
                         size_t n, float* acc, size_t acc_stride) {
  switch (t) {
    case 1:
      return multiply_f32<1>(panel, panel_stride, x, stride, n, acc, acc_stride);
    case 2:
      return multiply_f32<2>(panel, panel_stride, x, stride, n, acc, acc_stride);
    case 3:
      return multiply_f32<3>(panel, panel_stride, x, stride, n, acc, acc_stride);
    case 4:
      return multiply_f32<4>(panel, panel_stride, x, stride, n, acc, acc_stride);
    case 5:
      return multiply_f32<5>(panel, panel_stride, x, stride, n, acc, acc_stride);
    default:
      return multiply_f32<6>(panel, panel_stride, x, stride, n, acc, acc_stride);
  }
}

}  // namespace
}  // namespace openelm
