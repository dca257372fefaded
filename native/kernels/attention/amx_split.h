#pragma once

// Operands of tile products in attention. A bf16 is the upper half of an f32, rounded; where that is too
// coarse, a value is the sum of two, high and low, 16 bits of significand together, and a product is three of
// theirs: low times low is below the roundings of f32 sums (Henry et al., arXiv 1904.06376).
//
// Elements are in pairs of dwords: place i of a step of 32 holds elements i and i + 16. Both operands of a
// product have that order, so nothing is reordered. Rounding is integer arithmetic: vcvtne2ps2bf16 takes as
// long as four instructions, and the order it gives as long as two more.

#include "kernels/simd/tile_state.h"
#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

constexpr size_t kSide = 16;  // rows, and dwords of a row, of a tile
constexpr size_t kStep = 32;  // elements of a row
constexpr size_t kTileBytes = 1024;

/// The pairs (a[i], b[i]) as bf16, to nearest, halves away from zero.
inline __m512i pairs_of(__m512 a, __m512 b) {
  const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const __m512i low = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(a), half), 16);
  const __m512i high = _mm512_add_epi32(_mm512_castps_si512(b), half);
  return _mm512_ternarylogic_epi32(low, high, upper, 0xf8);  // low | (high & upper)
}

/// 32 values as the sum of two bf16, in pairs.
struct Split {
  __m512i high, low;
};

inline Split split_pairs(__m512 a, __m512 b) {
  const __m512i high = pairs_of(a, b);
  const __m512 high_a = _mm512_castsi512_ps(_mm512_slli_epi32(high, 16));
  const __m512 high_b =
      _mm512_castsi512_ps(_mm512_and_si512(high, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  return {high, pairs_of(_mm512_sub_ps(a, high_a), _mm512_sub_ps(b, high_b))};
}

/// Sums of N tiles of 16 × 16, in tiles 0 to N - 1.
template <int N>
void zero_sums() {
  static_assert(N == 2 || N == 4);
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (N > 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
}

template <int N>
void store_sums(float* sums) {
  constexpr size_t kSums = kSide * kSide;
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + kSums, 64);
  if constexpr (N > 2) {
    _tile_stored(2, sums + 2 * kSums, 64);
    _tile_stored(3, sums + 3 * kSums, 64);
  }
}

/// sums[tile][16][16] = Σ over steps a · b: N tiles of 16 rows of a by 16 columns of b, both split. a has per
/// step `a_low` bytes of high parts, then as many of low ones; b a tile of each. Products that add to the
/// same tile are not neighbours: each would wait for the one before.
template <int N>
void multiply_split(const uint8_t* a, size_t a_low, const uint8_t* b, size_t steps, float* sums) {
  finish_stores(b);
  zero_sums<N>();
  for (size_t s = 0; s < steps; ++s, a += 2 * a_low, b += 2 * kTileBytes) {
    _tile_loadd(6, b, 64);
    _tile_loadd(7, b + kTileBytes, 64);
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + kTileBytes, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    _tile_dpbf16ps(0, 4, 7);
    _tile_dpbf16ps(1, 5, 7);
    if constexpr (N > 2) {
      _tile_loadd(4, a + 2 * kTileBytes, 64);
      _tile_loadd(5, a + 3 * kTileBytes, 64);
      _tile_dpbf16ps(2, 4, 6);
      _tile_dpbf16ps(3, 5, 6);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_loadd(4, a + a_low, 64);
    _tile_loadd(5, a + a_low + kTileBytes, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (N > 2) {
      _tile_loadd(4, a + a_low + 2 * kTileBytes, 64);
      _tile_loadd(5, a + a_low + 3 * kTileBytes, 64);
      _tile_dpbf16ps(2, 4, 6);
      _tile_dpbf16ps(3, 5, 6);
    }
  }
  store_sums<N>(sums);
}

/// sums[tile][16][16] (=|+=) Σ over steps a · b, neither split; a has `a_step` bytes a step, b a tile.
template <int N>
void multiply_rounded(const uint8_t* a, size_t a_step, const uint8_t* b, size_t steps, bool add,
                      float* sums) {
  constexpr size_t kSums = kSide * kSide;
  finish_stores(b);
  if (add) {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + kSums, 64);
    if constexpr (N > 2) {
      _tile_loadd(2, sums + 2 * kSums, 64);
      _tile_loadd(3, sums + 3 * kSums, 64);
    }
  } else {
    zero_sums<N>();
  }
  for (size_t s = 0; s < steps; ++s, a += a_step, b += kTileBytes) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + kTileBytes, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (N > 2) {
      _tile_loadd(4, a + 2 * kTileBytes, 64);
      _tile_loadd(5, a + 3 * kTileBytes, 64);
      _tile_dpbf16ps(2, 4, 6);
      _tile_dpbf16ps(3, 5, 6);
    }
  }
  store_sums<N>(sums);
}

}  // namespace
}  // namespace openelm
