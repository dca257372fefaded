#pragma once

// Helpers for 512-bit registers, shared by the avx512 and amx variants. Everything has internal linkage: code
// compiled with AVX-512 flags must never be the copy of a function that the linker keeps for the others.

#include <cstddef>
#include <cstdint>

#include "kernels/simd/x86.h"

namespace openelm {
namespace {

inline size_t min_of(size_t a, size_t b) {
  return a < b ? a : b;
}

inline size_t round_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

inline uint16_t load_u16(const uint8_t* p) {
  uint16_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline uint32_t load_u32(const uint8_t* p) {
  uint32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline __m128i load_i128(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}

inline __m256i load_i256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

/// The f16 at p, as f32.
inline float half_at(const uint8_t* p) {
  return _cvtsh_ss(load_u16(p));
}

/// Mask of the first n of 16 lanes; all of them for n ≥ 16.
inline __mmask16 first_lanes(size_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u);
}

inline __m512 abs_of(__m512 v) {
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff)));
}

inline __m256 lower_half(__m512 v) {
  return _mm512_castps512_ps256(v);
}

inline __m256 upper_half(__m512 v) {
  return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
}

inline __m512 join(__m256 lower, __m256 upper) {
  return _mm512_castpd_ps(
      _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_castps_pd(lower)), _mm256_castps_pd(upper), 1));
}

inline float sum_of(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}

inline float sum_of(__m512 v) {
  return sum_of(_mm256_add_ps(lower_half(v), upper_half(v)));
}

/// Sums of four vectors, in order.
inline __m128 sums_of(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m256 ab = _mm256_hadd_ps(_mm256_add_ps(lower_half(a), upper_half(a)),
                                   _mm256_add_ps(lower_half(b), upper_half(b)));
  const __m256 cd = _mm256_hadd_ps(_mm256_add_ps(lower_half(c), upper_half(c)),
                                   _mm256_add_ps(lower_half(d), upper_half(d)));
  const __m256 sums = _mm256_hadd_ps(ab, cd);
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}

inline double sum_of(__m512d v) {
  const __m256d half = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(half), _mm256_extractf128_pd(half, 1));
  return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

inline float max_of(__m512 v) {
  const __m256 half = _mm256_max_ps(lower_half(v), upper_half(v));
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  m = _mm_max_ss(m, _mm_movehdup_ps(m));
  return _mm_cvtss_f32(m);
}

/// Largest magnitude of n values, NaN if one is: as integers, magnitudes of floats are in order and NaN comes
/// last. n is a multiple of 32.
inline float largest_magnitude(const float* x, size_t n) {
  __m512i a = _mm512_setzero_si512(), b = a;
  for (size_t i = 0; i < n; i += 32) {
    a = _mm512_max_epi32(a, _mm512_castps_si512(abs_of(_mm512_loadu_ps(x + i))));
    b = _mm512_max_epi32(b, _mm512_castps_si512(abs_of(_mm512_loadu_ps(x + i + 16))));
  }
  a = _mm512_max_epi32(a, b);
  const __m256i half = _mm256_max_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  m = _mm_max_epi32(m, _mm_unpackhi_epi64(m, m));
  m = _mm_max_epi32(m, _mm_srli_epi64(m, 32));
  return _mm_cvtss_f32(_mm_castsi128_ps(m));
}

/// exp(x). Relative error below 2^-22 where the result is a normal number; smaller results lose bits as they
/// become subnormal, above 88.73 it is infinity, NaN stays NaN.
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2 (ln 2 in two parts, Cody & Waite); e^r by its Taylor series to degree
/// 7, whose remainder there is below 6e-9. vscalefps multiplies by 2^n for every n, so nothing special is
/// left at the ends. The clamps only keep infinity - infinity out.
inline __m512 exp_of(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-105.0f), _mm512_min_ps(_mm512_set1_ps(90.0f), x));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

/// 2^x. Relative error below 2^-22 where the result is a normal number; 0 for -infinity, NaN stays.
/// 2^x = 2^n · 2^r with n the whole number below x; the polynomial is a minimax fit of relative error 2^-23.6
/// over 0 ≤ r ≤ 1. Seven instructions: vreduceps gives r, vscalefps takes n from x.
inline __m512 exp2_of(__m512 x) {
  const __m512 r = _mm512_reduce_ps(x, 1);
  __m512 p = _mm512_set1_ps(0.0018775767f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.00898934f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.055826318f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.24015361f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.6931531f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.99999994f));
  return _mm512_scalef_ps(p, x);
}

/// Transposes 16 × 16 32-bit elements in place: 64 shuffles.
inline void transpose16(__m512i r[16]) {
  __m512i a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // b[4i + j] now holds, in 128-bit lane l, column 4l + j of rows 4i .. 4i + 3.
  for (int j = 0; j < 4; ++j) {
    const __m512i low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88);
    const __m512i high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88);
    const __m512i low_odd = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xdd);
    const __m512i high_odd = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xdd);
    r[j] = _mm512_shuffle_i32x4(low, high, 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(low, high, 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
  }
}

/// The inner kernel of float matmuls and of attention: acc[t][W · 16] += Σ_k panel[k][W · 16] · x[t][k].
/// A step of k takes W loads, T broadcast loads and W · T multiply-adds: for 2 × 12, 14 loads (7 cycles)
/// under 24 multiply-adds (12 cycles), with 24 + 3 registers.
template <int T, int W>
inline void multiply_tile(const float* panel, size_t panel_stride, const float* x, size_t stride, size_t n,
                          float* acc, size_t acc_stride) {
  __m512 sum[T][W];
  for (int t = 0; t < T; ++t)
    for (int w = 0; w < W; ++w) sum[t][w] = _mm512_loadu_ps(acc + t * acc_stride + 16 * w);
  for (size_t k = 0; k < n; ++k) {
    __m512 p[W];
    for (int w = 0; w < W; ++w) p[w] = _mm512_loadu_ps(panel + k * panel_stride + 16 * w);
    for (int t = 0; t < T; ++t) {
      const __m512 v = _mm512_set1_ps(x[t * stride + k]);
      for (int w = 0; w < W; ++w) sum[t][w] = _mm512_fmadd_ps(p[w], v, sum[t][w]);
    }
  }
  for (int t = 0; t < T; ++t)
    for (int w = 0; w < W; ++w) _mm512_storeu_ps(acc + t * acc_stride + 16 * w, sum[t][w]);
}

/// multiply_tile for any number of x rows.
template <int W>
void multiply(size_t rows, const float* panel, size_t panel_stride, const float* x, size_t stride, size_t n,
              float* acc, size_t acc_stride) {
  size_t t = 0;
  const auto tile = [&]<int T>() {
    multiply_tile<T, W>(panel, panel_stride, x + t * stride, stride, n, acc + t * acc_stride, acc_stride);
    t += T;
  };
  while (rows - t >= 12) tile.template operator()<12>();
  while (rows - t >= 4) tile.template operator()<4>();
  while (rows - t >= 1) tile.template operator()<1>();
}

}  // namespace
}  // namespace openelm
