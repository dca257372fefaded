#pragma once

// Softmax weights of attention, shared by the avx512 and amx variants. Scores carry a factor log2(e), which
// is in the queries already, so that weights are powers of two.

#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

/// A running maximum follows the scores only when they exceed it by more than this power of two. Weights then
/// reach 256 instead of 1, which costs no accuracy, and after the first block sums are hardly ever rescaled.
constexpr float kSlack = 8;

/// 2^x. Relative error below 2^-22 where the result is a normal number; 0 for -infinity, NaN stays.
/// 2^x = 2^n · 2^r with n the whole number below x; the polynomial is a minimax fit of relative error 2^-23.6
/// over 0 ≤ r ≤ 1. Seven instructions: vreduceps gives r, vscalefps takes n from x.
inline __m512 exp2_of(__m512 x) {
  const __m512 r = _mm512_reduce_ps(x, 1);
  __m512 p = _mm512_set1_ps(0.0018775767f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.00898934f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.055826318f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.24015361f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.6931531f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.99999994f));
  return _mm512_scalef_ps(p, x);
}

}  // namespace
}  // namespace openelm
