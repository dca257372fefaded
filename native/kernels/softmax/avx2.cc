// Softmax, AVX2.

#include <cmath>

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// exp, but 0 where the exact value is no longer a normal number.
inline __m256 exp_or_zero(__m256 x) {
  const __m256 tiny = _mm256_cmp_ps(x, _mm256_set1_ps(-87.33f), _CMP_LT_OQ);
  return _mm256_andnot_ps(tiny, exp_of(x));
}

inline __m256 load(const float* x, size_t n) {
  if (n >= 8) return _mm256_loadu_ps(x);
  const __m256i lanes = first_lanes(n);
  return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), _mm256_maskload_ps(x, lanes),
                          _mm256_castsi256_ps(lanes));
}

inline void store(float* x, size_t n, __m256 v) {
  if (n >= 8)
    _mm256_storeu_ps(x, v);
  else
    _mm256_maskstore_ps(x, first_lanes(n), v);
}

}  // namespace

void softmax_avx2(float* x, size_t n) {
  __m256 largest = _mm256_set1_ps(-INFINITY);
  for (size_t i = 0; i < n; i += 8) largest = _mm256_max_ps(largest, load(x + i, n - i));
  largest = _mm256_set1_ps(max_of(largest));
  __m256 total = _mm256_setzero_ps();
  for (size_t i = 0; i < n; i += 8) {
    const __m256 e = exp_or_zero(_mm256_sub_ps(load(x + i, n - i), largest));
    store(x + i, n - i, e);
    total = _mm256_add_ps(total, e);
  }
  const __m256 scale = _mm256_set1_ps(1.0f / sum_of(total));
  for (size_t i = 0; i < n; i += 8) store(x + i, n - i, _mm256_mul_ps(load(x + i, n - i), scale));
}

}  // namespace openelm
