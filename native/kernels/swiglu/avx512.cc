// SwiGLU, AVX-512.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {

void swiglu_avx512(const float* gate, const float* up, size_t n, float* y) {
  const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 g = _mm512_maskz_loadu_ps(lanes, gate + i), u = _mm512_maskz_loadu_ps(lanes, up + i);
    // With e = exp(-|g|), which cannot overflow: g / (1 + exp(-g)) is g / (1 + e), or g · e / (1 + e) below
    // zero.
    const __m512 e = exp_of(_mm512_sub_ps(zero, abs_of(g)));
    const __mmask16 negative = _mm512_cmp_ps_mask(g, zero, _CMP_LT_OQ);
    const __m512 numerator = _mm512_mask_blend_ps(negative, g, _mm512_mul_ps(g, e));
    const __m512 silu = _mm512_div_ps(numerator, _mm512_add_ps(one, e));
    _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(silu, u));
  }
}

}  // namespace openelm
