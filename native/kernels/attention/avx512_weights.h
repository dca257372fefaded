#pragma once

// Softmax weights of attention, AVX-512. Scores carry a factor log2(e), which is in the queries already, so
// that weights are powers of two.

#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

/// A running maximum follows the scores only when they exceed it by more than this power of two. Weights then
/// reach 256 instead of 1, which costs no accuracy, and after the first block sums are hardly ever rescaled.
constexpr float kSlack = 8;

/// 2^x, x below 2^22. Relative error below 2^-22 where the result is a normal number; 0 from -200 down, NaN
/// stays. 2^x = 2^n · 2^r with n whole and |r| ≤ 1/2; the polynomial is a minimax fit of relative error 2^-23
/// with 2^0 = 1.
inline __m512 exp2_of(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-200.0f), x);
  const __m512 n = _mm512_roundscale_ps(x, 0), r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0.00132647271f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.00967151265f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.0555073374f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.240222421f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.693146978f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

}  // namespace
}  // namespace openelm
