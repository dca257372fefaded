#pragma once

// Tile products of a block of at most 2 × 3 tiles of sums. TDPBF16PS takes 16 weight rows × 32 columns (A)
// and 32 columns × 16 tokens (B) and adds to 16 × 16 sums (C). It occupies the unit for 16 cycles; what feeds
// it is L2, so a block is as large as eight registers allow: 5 KB of operands for 6 products, where 2 × 2
// tiles took 4 for 4. An A that is wanted again is loaded again, from L1. Activations are loaded past L1, or
// they would push A out; those of a single token tile fit there and are wanted by the next rows.

#include "kernels/matmul/amx_tiles.h"
#include "kernels/simd/tile_state.h"

namespace openelm {
namespace {

/// Token tiles of the next block where so many are left: three, but two and two of four.
inline size_t block_tokens(size_t left) {
  return left == 2 || left == kMostBlockTokens + 1 ? 2 : min_of(kMostBlockTokens, left);
}

/// Operands of a block.
struct TileBlock {
  size_t rows, tokens;        // tiles: at most 2 and 3
  const uint8_t* a;           // rows a_stride bytes apart
  size_t a_stride, a_second;  // and from the first row tile to the second
  const uint8_t* b;           // token tiles b_stride bytes apart
  size_t b_stride;
  uint8_t* c;  // sums: row tiles c_stride bytes apart, token tiles kSumsBytes
  size_t c_stride;
  size_t steps;
  bool first;  // column block: sums start from zero
};

/// Sums on their way out, one slice between two steps of the block that follows, whose products hide it. A
/// slice stores at most four vectors: after more of them, a tile load waits until they are done.
template <class Slices>
class Outgoing {
 public:
  /// `count` slices from now on.
  void start(const Slices& slices, size_t count) {
    slices_ = slices;
    next_ = 0;
    count_ = count;
  }
  void step() {
    if (next_ < count_) slices_.store(next_++);
  }
  void finish() {
    while (next_ < count_) slices_.store(next_++);
  }

 private:
  Slices slices_{};
  size_t next_ = 0, count_ = 0;
};

/// Adds the products of A row tiles by B token tiles. C is tiles 0 to 2 and 3 to 5, A 6, B 7.
template <int A, int B, class Slices>
void multiply_tiles(const TileBlock& t, Outgoing<Slices>& outgoing) {
  const uint8_t *a = t.a, *b = t.b;
  uint8_t *c = t.c, *c_second = t.c + t.c_stride;
  if (t.first) {
    _tile_zero(0);
    if constexpr (B > 1) _tile_zero(1);
    if constexpr (B > 2) _tile_zero(2);
    if constexpr (A > 1) _tile_zero(3);
    if constexpr (A > 1 && B > 1) _tile_zero(4);
    if constexpr (A > 1 && B > 2) _tile_zero(5);
  } else {
    _tile_loadd(0, c, 64);
    if constexpr (B > 1) _tile_loadd(1, c + kSumsBytes, 64);
    if constexpr (B > 2) _tile_loadd(2, c + 2 * kSumsBytes, 64);
    if constexpr (A > 1) _tile_loadd(3, c_second, 64);
    if constexpr (A > 1 && B > 1) _tile_loadd(4, c_second + kSumsBytes, 64);
    if constexpr (A > 1 && B > 2) _tile_loadd(5, c_second + 2 * kSumsBytes, 64);
  }
  for (size_t s = 0; s < t.steps; ++s, a += kStepBytes, b += kTileBytes) {
    if constexpr (B > 1)
      _tile_stream_loadd(7, b, 64);
    else
      _tile_loadd(7, b, 64);
    _tile_loadd(6, a, t.a_stride);
    _tile_dpbf16ps(0, 6, 7);
    if constexpr (A > 1) {
      _tile_loadd(6, a + t.a_second, t.a_stride);
      _tile_dpbf16ps(3, 6, 7);
    }
    if constexpr (B > 1) {
      _tile_stream_loadd(7, b + t.b_stride, 64);
      if constexpr (A > 1) {
        _tile_dpbf16ps(4, 6, 7);
        _tile_loadd(6, a, t.a_stride);
      }
      _tile_dpbf16ps(1, 6, 7);
    }
    if constexpr (B > 2) {
      _tile_stream_loadd(7, b + 2 * t.b_stride, 64);
      _tile_dpbf16ps(2, 6, 7);
      if constexpr (A > 1) {
        _tile_loadd(6, a + t.a_second, t.a_stride);
        _tile_dpbf16ps(5, 6, 7);
      }
    }
    outgoing.step();
  }
  outgoing.finish();
  _tile_stored(0, c, 64);
  if constexpr (B > 1) _tile_stored(1, c + kSumsBytes, 64);
  if constexpr (B > 2) _tile_stored(2, c + 2 * kSumsBytes, 64);
  if constexpr (A > 1) _tile_stored(3, c_second, 64);
  if constexpr (A > 1 && B > 1) _tile_stored(4, c_second + kSumsBytes, 64);
  if constexpr (A > 1 && B > 2) _tile_stored(5, c_second + 2 * kSumsBytes, 64);
}

template <int A, class Slices>
void multiply_rows(const TileBlock& t, Outgoing<Slices>& outgoing) {
  if (t.tokens == 3)
    multiply_tiles<A, 3>(t, outgoing);
  else if (t.tokens == 2)
    multiply_tiles<A, 2>(t, outgoing);
  else
    multiply_tiles<A, 1>(t, outgoing);
}

template <class Slices>
void multiply(const TileBlock& t, Outgoing<Slices>& outgoing) {
  if (t.rows == 2)
    multiply_rows<2>(t, outgoing);
  else
    multiply_rows<1>(t, outgoing);
}

/// Where the sums of successive blocks go: to one of two places in turn, so that one can leave while the next
/// is computed; or, with several column blocks, where all sums of the panel rest.
class SumsPlace {
 public:
  SumsPlace(uint8_t* sums, bool all, size_t token_tiles)
      : sums_(sums), all_(all), stride_((all ? token_tiles : kMostBlockTokens) * kSumsBytes) {}
  size_t stride() const { return stride_; }
  uint8_t* next(size_t row_tile, size_t token_tile) {
    if (all_) return sums_ + row_tile * stride_ + token_tile * kSumsBytes;
    turn_ = !turn_;
    return sums_ + (turn_ ? 2 * stride_ : 0);
  }

 private:
  uint8_t* sums_;
  bool all_, turn_ = false;
  size_t stride_;
};

}  // namespace
}  // namespace openelm
