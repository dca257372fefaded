// RMS norm, AVX2: four running sums of squares in f32.

#include <cmath>

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"

namespace openelm {

void rms_norm_avx2(const float* x, const float* weight, float eps, size_t n, float* y) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  size_t i = 0;
  for (; i + 32 <= n; i += 32)
    for (size_t j = 0; j < 4; ++j) {
      const __m256 v = _mm256_loadu_ps(x + i + 8 * j);
      sums[j] = _mm256_fmadd_ps(v, v, sums[j]);
    }
  for (; i < n; i += 8) {
    const __m256 v = _mm256_maskload_ps(x + i, first_lanes(n - i));
    sums[0] = _mm256_fmadd_ps(v, v, sums[0]);
  }
  const float squares =
      sum_of(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
  const __m256 scale = _mm256_set1_ps(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  for (i = 0; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + i), scale);
    _mm256_storeu_ps(y + i, _mm256_mul_ps(v, _mm256_loadu_ps(weight + i)));
  }
  if (i < n) {
    const __m256i lanes = first_lanes(n - i);
    const __m256 v = _mm256_mul_ps(_mm256_maskload_ps(x + i, lanes), scale);
    _mm256_maskstore_ps(y + i, lanes, _mm256_mul_ps(v, _mm256_maskload_ps(weight + i, lanes)));
  }
}

}  // namespace openelm
