// RMS norm, AVX-512. The sum of squares is taken in f64, so that no input overflows it.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {

void rms_norm_avx512(const float* x, const float* weight, float eps, size_t n, float* y) {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  for (size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
    const __m512d a = _mm512_cvtps_pd(lower_half(v)), b = _mm512_cvtps_pd(upper_half(v));
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  }
  const double squares = sum_of(_mm512_add_pd(low, high));
  const double scale = 1.0 / __builtin_sqrt(squares / static_cast<double>(n) + eps);
  const __m512d scales = _mm512_set1_pd(scale);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i), w = _mm512_maskz_loadu_ps(lanes, weight + i);
    // In f64 as well: a large value times a small scale must not lose what a small weight brings back.
    const __m512d a = _mm512_mul_pd(_mm512_cvtps_pd(lower_half(v)), scales);
    const __m512d b = _mm512_mul_pd(_mm512_cvtps_pd(upper_half(v)), scales);
    const __m256 first = _mm512_cvtpd_ps(_mm512_mul_pd(a, _mm512_cvtps_pd(lower_half(w))));
    const __m256 second = _mm512_cvtpd_ps(_mm512_mul_pd(b, _mm512_cvtps_pd(upper_half(w))));
    _mm512_mask_storeu_ps(y + i, lanes, join(first, second));
  }
}

}  // namespace openelm
