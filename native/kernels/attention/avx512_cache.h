#pragma once

// Cached keys and values as f32, AVX-512.

#include "kernels/attention/attention.h"
#include "kernels/simd/zmm.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

/// Positions of a block of keys and values. Blocks begin at multiples of it, so that sums over a token's
/// positions are taken in the same order in whatever batch the token comes.
constexpr size_t kPositions = 64;

/// Elements i .. i + 15 of a cached vector; i is a multiple of 16.
template <KvType type>
inline __m512 load16(const uint8_t* row, size_t i) {
  if constexpr (type == KvType::f32) {
    return _mm512_loadu_ps(row + 4 * i);
  } else if constexpr (type == KvType::f16) {
    return _mm512_cvtph_ps(load_i256(row + 2 * i));
  } else {
    const uint8_t* block = row + i / kGroup * sizeof(BlockQ8_0);
    const __m512i q = _mm512_cvtepi8_epi32(load_i128(block + 2 + i % kGroup));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(half_at(block)));
  }
}

/// Positions [first, first + n) of one head's cache.
struct Block {
  const uint8_t *k, *v;  // row of position `first`
  size_t stride, first, n;
  size_t next;  // positions of the block after it
};

/// Elements i .. i + 15 of 16 keys, transposed; zero for keys from n on.
template <KvType type>
inline void transpose_tile(const uint8_t* rows, size_t stride, size_t n, size_t i, float* keys) {
  __m512i v[16];
  if (n >= 16) {
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; ++j) v[j] = _mm512_castps_si512(load16<type>(rows + j * stride, i));
  } else {
    for (size_t j = 0; j < 16; ++j)
      v[j] = j < n ? _mm512_castps_si512(load16<type>(rows + j * stride, i)) : _mm512_setzero_si512();
  }
  transpose16(v);
#pragma GCC unroll 16
  for (size_t j = 0; j < 16; ++j) _mm512_storeu_si512(keys + (i + j) * kPositions, v[j]);
}

/// Keys of a block to [head_dim][kPositions], those up to a multiple of 16.
template <KvType type>
void transpose_keys(const Block& b, size_t head_dim, float* keys) {
  for (size_t p = 0; p < b.n; p += 16)
    for (size_t i = 0; i < head_dim; i += 16)
      transpose_tile<type>(b.k + p * b.stride, b.stride, b.n - p, i, keys + p);
}

/// Values of a block to [position][head_dim].
template <KvType type>
void expand_values(const Block& b, size_t head_dim, float* values) {
  for (size_t p = 0; p < b.n; ++p)
    for (size_t i = 0; i < head_dim; i += 16)
      _mm512_storeu_ps(values + p * head_dim + i, load16<type>(b.v + p * b.stride, i));
}

}  // namespace
}  // namespace openelm
