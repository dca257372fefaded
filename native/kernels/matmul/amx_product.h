#pragma once

// Tile products of a block of at most 2 × 2 tiles of sums. TDPBF16PS takes 16 weight rows × 32 columns (A)
// and 32 columns × 16 tokens (B) and adds to 16 × 16 sums (C); it occupies the unit for 16 cycles, and a
// block loads 2 A and 2 B for 4 of them.

#include "kernels/matmul/amx_tiles.h"
#include "kernels/simd/tile_state.h"

namespace openelm {
namespace {

/// Operands of a block.
struct TileBlock {
  const uint8_t* a;           // rows a_stride bytes apart
  size_t a_stride, a_second;  // and from the first row tile to the second
  const uint8_t* b;           // token tiles b_stride bytes apart
  size_t b_stride;
  uint8_t* c;  // sums: row tiles c_stride bytes apart, token tiles kSumsBytes
  size_t c_stride;
  size_t steps;
  bool first;  // column block: sums start from zero
};

/// Adds the products of A row tiles by B token tiles. C is tiles 0 to 3, A 4 and 5, B 6 and 7.
template <int A, int B>
void multiply_tiles(const TileBlock& t) {
  const uint8_t *a = t.a, *b = t.b;
  uint8_t* c = t.c;
  if (t.first) {
    _tile_zero(0);
    if constexpr (B > 1) _tile_zero(1);
    if constexpr (A > 1) _tile_zero(2);
    if constexpr (A > 1 && B > 1) _tile_zero(3);
  } else {
    _tile_loadd(0, c, 64);
    if constexpr (B > 1) _tile_loadd(1, c + kSumsBytes, 64);
    if constexpr (A > 1) _tile_loadd(2, c + t.c_stride, 64);
    if constexpr (A > 1 && B > 1) _tile_loadd(3, c + t.c_stride + kSumsBytes, 64);
  }
  for (size_t s = 0; s < t.steps; ++s, a += kStepBytes, b += kTileBytes) {
    _tile_loadd(4, a, t.a_stride);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (A > 1) {
      _tile_loadd(5, a + t.a_second, t.a_stride);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (B > 1) {
      _tile_loadd(7, b + t.b_stride, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (A > 1 && B > 1) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, 64);
  if constexpr (B > 1) _tile_stored(1, c + kSumsBytes, 64);
  if constexpr (A > 1) _tile_stored(2, c + t.c_stride, 64);
  if constexpr (A > 1 && B > 1) _tile_stored(3, c + t.c_stride + kSumsBytes, 64);
}

inline void multiply(const TileBlock& t, bool two_rows, bool two_tokens) {
  if (two_rows && two_tokens)
    multiply_tiles<2, 2>(t);
  else if (two_rows)
    multiply_tiles<2, 1>(t);
  else if (two_tokens)
    multiply_tiles<1, 2>(t);
  else
    multiply_tiles<1, 1>(t);
}

}  // namespace
}  // namespace openelm
