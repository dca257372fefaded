// Rotary position embedding, AVX2. head_dim is a multiple of 16, so halves are whole vectors.

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"

namespace openelm {

void rope_avx2(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim) {
  const size_t half = head_dim / 2;
  for (size_t h = 0; h < heads; ++h, x += head_dim) {
    for (size_t i = 0; i < half; i += 8) {
      const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + half);
      const __m256 c = _mm256_loadu_ps(cos + i), s = _mm256_loadu_ps(sin + i);
      _mm256_storeu_ps(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
      _mm256_storeu_ps(x + i + half, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
  }
}

}  // namespace openelm
