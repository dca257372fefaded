// SwiGLU, AVX2. exp is clamped (see exp_of), which moves results only where they are below 1e-37 · |gate ·
// up|.

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

inline __m256 swiglu(__m256 gate, __m256 up) {
  const __m256 e = exp_of(_mm256_sub_ps(_mm256_setzero_ps(), gate));
  return _mm256_mul_ps(_mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1.0f), e)), up);
}

}  // namespace

void swiglu_avx2(const float* gate, const float* up, size_t n, float* y) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(y + i, swiglu(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
  if (i == n) return;
  const __m256i lanes = first_lanes(n - i);
  const __m256 last = swiglu(_mm256_maskload_ps(gate + i, lanes), _mm256_maskload_ps(up + i, lanes));
  _mm256_maskstore_ps(y + i, lanes, last);
}

}  // namespace openelm
