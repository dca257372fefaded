#pragma once

// A block of keys and values as f32 panels, AVX-512.

#include "kernels/attention/zmm_cache.h"

namespace openelm {
namespace {

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
