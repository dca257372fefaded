// RMS norm, AVX2. The sum of squares is taken in f64, so that no input overflows it.

#include <cmath>

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Adds the squares of eight values to two sums.
inline void add_squares(__m256 v, __m256d& low, __m256d& high) {
  const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
  const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  low = _mm256_fmadd_pd(a, a, low);
  high = _mm256_fmadd_pd(b, b, high);
}

/// Two vectors at a time, so that four sums cover the latency of a multiply-add.
double sum_of_squares(const float* x, size_t n) {
  __m256d sum[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    add_squares(_mm256_loadu_ps(x + i), sum[0], sum[1]);
    add_squares(_mm256_loadu_ps(x + i + 8), sum[2], sum[3]);
  }
  for (; i < n; i += 8) add_squares(_mm256_maskload_ps(x + i, first_lanes(n - i)), sum[0], sum[1]);
  alignas(32) double lanes[4];
  _mm256_store_pd(lanes, _mm256_add_pd(_mm256_add_pd(sum[0], sum[2]), _mm256_add_pd(sum[1], sum[3])));
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

}  // namespace

void rms_norm_avx2(const float* x, const float* weight, float eps, size_t n, float* y) {
  const double mean = sum_of_squares(x, n) / static_cast<double>(n);
  const __m256 scale = _mm256_set1_ps(static_cast<float>(1.0 / std::sqrt(mean + eps)));
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
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
