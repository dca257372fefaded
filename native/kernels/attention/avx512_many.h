#pragma once

// Attention of many queries (prefill), AVX-512: a block's keys are transposed and its values expanded to f32
// once; tiles of 6 queries × 64 positions then keep scores, and tiles of 6 queries × 64 elements sums, in 24
// registers.

#include "kernels/attention/avx512_panels.h"

namespace openelm {
namespace {

constexpr size_t kTile = 6;

/// Working memory of many queries.
struct Many {
  float* q;         // [query][head_dim], times log2(e) / √head_dim
  float* out;       // [query][head_dim], Σ weight · value
  float* keys;      // [head_dim][kPositions]
  float* values;    // [kPositions][head_dim]
  float* weights;   // [kTile][kPositions]
  float* maximum;   // [query]
  float* total;     // [query][16], in parts
  size_t* visible;  // [query], positions it attends to
};

/// sum[t][w] += Σ_k x[t][k] · panel[k][w]. A step of k is W loads and T broadcasts for W · T multiply-adds:
/// for 6 × 4, 10 loads under 24 multiply-adds, with 24 + 5 registers.
template <int T, int W>
inline void multiply_into(__m512 (&sum)[T][W], const float* panel, size_t panel_stride, const float* x,
                          size_t stride, size_t n) {
  for (size_t k = 0; k < n; ++k) {
    __m512 p[W];
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w) p[w] = _mm512_loadu_ps(panel + 16 * w);
#pragma GCC unroll 6
    for (int t = 0; t < T; ++t) {
      const __m512 v = _mm512_set1_ps(x[static_cast<size_t>(t) * stride + k]);
#pragma GCC unroll 4
      for (int w = 0; w < W; ++w) sum[t][w] = _mm512_fmadd_ps(p[w], v, sum[t][w]);
    }
    panel += panel_stride;
  }
}

/// Raises a query's maximum to that of its scores; what was summed is scaled to it.
inline void raise_maximum(const Many& s, size_t query, __m512 scores, size_t head_dim) {
  const float now = max_of(scores);
  const __m512 factor = exp2_of(_mm512_set1_ps(s.maximum[query] - now));
  s.maximum[query] = now;
  float* total = s.total + 16 * query;
  _mm512_storeu_ps(total, _mm512_mul_ps(_mm512_loadu_ps(total), factor));
  float* out = s.out + query * head_dim;
  for (size_t d = 0; d < head_dim; d += 16)
    _mm512_storeu_ps(out + d, _mm512_mul_ps(_mm512_loadu_ps(out + d), factor));
}

/// Weights of T queries from `query` on with the first 16 · W positions of a block.
template <int T, int W>
void weigh_tile(const Many& s, size_t query, size_t first, size_t head_dim) {
  __m512 score[T][W];
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w) score[t][w] = _mm512_setzero_ps();
  multiply_into<T, W>(score, s.keys, kPositions, s.q + query * head_dim, head_dim, head_dim);
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t) {
    const size_t i = query + static_cast<size_t>(t);
    const size_t n = s.visible[i] > first ? s.visible[i] - first : 0;
    if (n < 16 * W) {
#pragma GCC unroll 4
      for (int w = 0; w < W; ++w) {
        const size_t p = 16 * static_cast<size_t>(w);
        score[t][w] = _mm512_mask_blend_ps(first_lanes(n > p ? n - p : 0), _mm512_set1_ps(-__builtin_inff()),
                                           score[t][w]);
      }
    }
    __m512 largest = score[t][0];
#pragma GCC unroll 4
    for (int w = 1; w < W; ++w) largest = _mm512_max_ps(largest, score[t][w]);
    if (_mm512_cmp_ps_mask(_mm512_set1_ps(s.maximum[i] + kSlack), largest, _CMP_LT_OQ) != 0)
      raise_maximum(s, i, largest, head_dim);
    const __m512 maximum = _mm512_set1_ps(s.maximum[i]);
    __m512 total = _mm512_loadu_ps(s.total + 16 * i);
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w) {
      const __m512 weight = exp2_of(_mm512_sub_ps(score[t][w], maximum));
      _mm512_storeu_ps(s.weights + static_cast<size_t>(t) * kPositions + 16 * static_cast<size_t>(w), weight);
      total = _mm512_add_ps(total, weight);
    }
    _mm512_storeu_ps(s.total + 16 * i, total);
  }
}

/// Adds weight · value of n positions to elements d .. d + 16 · W - 1 of the sums of T queries.
template <int T, int W>
void add_values(const Many& s, size_t query, size_t n, size_t head_dim, size_t d) {
  __m512 sum[T][W];
  float* out = s.out + query * head_dim + d;
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w)
      sum[t][w] = _mm512_loadu_ps(out + static_cast<size_t>(t) * head_dim + 16 * static_cast<size_t>(w));
  multiply_into<T, W>(sum, s.values + d, head_dim, s.weights, kPositions, n);
#pragma GCC unroll 6
  for (int t = 0; t < T; ++t)
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w)
      _mm512_storeu_ps(out + static_cast<size_t>(t) * head_dim + 16 * static_cast<size_t>(w), sum[t][w]);
}

template <int T>
void attend_tile(const Many& s, size_t query, const Block& b, size_t head_dim) {
  const size_t most = s.visible[query + T - 1];  // queries are in the order of their tokens
  if (most <= b.first) return;
  const size_t n = min_of(b.n, most - b.first);
  if (n > 48)
    weigh_tile<T, 4>(s, query, b.first, head_dim);
  else if (n > 32)
    weigh_tile<T, 3>(s, query, b.first, head_dim);
  else if (n > 16)
    weigh_tile<T, 2>(s, query, b.first, head_dim);
  else
    weigh_tile<T, 1>(s, query, b.first, head_dim);
  size_t d = 0;
  for (; d + 64 <= head_dim; d += 64) add_values<T, 4>(s, query, n, head_dim, d);
  for (; d + 32 <= head_dim; d += 32) add_values<T, 2>(s, query, n, head_dim, d);
  for (; d < head_dim; d += 16) add_values<T, 1>(s, query, n, head_dim, d);
}

template <KvType type>
void attend_many(const Many& s, size_t queries, const Block& b, size_t head_dim) {
  transpose_keys<type>(b, head_dim, s.keys);
  expand_values<type>(b, head_dim, s.values);
  size_t query = 0;
  for (; query + kTile <= queries; query += kTile) attend_tile<kTile>(s, query, b, head_dim);
  for (; query + 2 <= queries; query += 2) attend_tile<2>(s, query, b, head_dim);
  if (query < queries) attend_tile<1>(s, query, b, head_dim);
}

}  // namespace
}  // namespace openelm
