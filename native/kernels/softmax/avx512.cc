// Softmax, AVX-512.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {

void softmax_avx512(float* x, size_t n) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 maxima = lowest;
  for (size_t i = 0; i < n; i += 16)
    maxima = _mm512_max_ps(maxima, _mm512_mask_loadu_ps(lowest, first_lanes(n - i), x + i));
  const __m512 largest = _mm512_set1_ps(max_of(maxima));

  // Sums in f64: over a vocabulary, f32 would lose more than the exponentials do.
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 e = exp_of(_mm512_sub_ps(_mm512_mask_loadu_ps(lowest, lanes, x + i), largest));
    _mm512_mask_storeu_ps(x + i, lanes, e);
    low = _mm512_add_pd(low, _mm512_cvtps_pd(lower_half(e)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(upper_half(e)));
  }
  const __m512 inverse = _mm512_set1_ps(static_cast<float>(1.0 / sum_of(_mm512_add_pd(low, high))));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    _mm512_mask_storeu_ps(x + i, lanes, _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), inverse));
  }
}

}  // namespace openelm
