#pragma once

// SwiGLU of results that are rounded to bf16 next.

#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

/// gate / (1 + exp(-gate)) · up. Relative error below 2^-13 (vrcp14ps): bf16 keeps 8 bits.
inline __m512 swiglu_rounded(__m512 gate, __m512 up) {
  const __m512 e = exp2_of(_mm512_mul_ps(gate, _mm512_set1_ps(-1.44269504f)));
  const __m512 sigmoid = _mm512_rcp14_ps(_mm512_add_ps(_mm512_set1_ps(1.0f), e));
  return _mm512_mul_ps(_mm512_mul_ps(gate, sigmoid), up);
}

}  // namespace
}  // namespace openelm
