// Rotary position embedding, AVX-512.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {

void rope_avx512(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim) {
  const size_t half = head_dim / 2;
  for (size_t i = 0; i < half; i += 16) {
    const __mmask16 lanes = first_lanes(half - i);
    const __m512 c = _mm512_maskz_loadu_ps(lanes, cos + i), s = _mm512_maskz_loadu_ps(lanes, sin + i);
    for (size_t h = 0; h < heads; ++h) {
      float* first = x + h * head_dim + i;
      float* second = first + half;
      const __m512 a = _mm512_maskz_loadu_ps(lanes, first), b = _mm512_maskz_loadu_ps(lanes, second);
      _mm512_mask_storeu_ps(first, lanes, _mm512_fnmadd_ps(b, s, _mm512_mul_ps(a, c)));
      _mm512_mask_storeu_ps(second, lanes, _mm512_fmadd_ps(a, s, _mm512_mul_ps(b, c)));
    }
  }
}

}  // namespace openelm
