// RMS norm, AVX-512. The sum of squares is taken in f64, so that no input overflows it.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Adds the squares of x[i, i + 16) to two sums.
inline void add_squares(const float* x, size_t i, size_t n, __m512d& low, __m512d& high) {
  const __m512 v = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
  const __m512d a = _mm512_cvtps_pd(lower_half(v)), b = _mm512_cvtps_pd(upper_half(v));
  low = _mm512_fmadd_pd(a, a, low);
  high = _mm512_fmadd_pd(b, b, high);
}

/// Two vectors at a time, so that four sums cover the latency of a multiply-add.
double sum_of_squares(const float* x, size_t n) {
  __m512d sum[4];
  for (__m512d& s : sum) s = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    add_squares(x, i, n, sum[0], sum[1]);
    add_squares(x, i + 16, n, sum[2], sum[3]);
  }
  for (; i < n; i += 16) add_squares(x, i, n, sum[0], sum[1]);
  return sum_of(_mm512_add_pd(_mm512_add_pd(sum[0], sum[2]), _mm512_add_pd(sum[1], sum[3])));
}

}  // namespace

void rms_norm_avx512(const float* x, const float* weight, float eps, size_t n, float* y) {
  const double mean = sum_of_squares(x, n) / static_cast<double>(n);
  const __m512 scale = _mm512_set1_ps(static_cast<float>(1.0 / __builtin_sqrt(mean + eps)));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), scale);
    _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(lanes, weight + i)));
  }
}

}  // namespace openelm
