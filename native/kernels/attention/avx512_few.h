#pragma once

// Attention of few queries (decode), AVX-512: keys and values are converted in registers as they come from
// the cache, each once for four queries. Nothing is transposed but sums.

#include "kernels/attention/zmm_cache.h"

namespace openelm {
namespace {

constexpr size_t kQuad = 4;

/// Up to four queries. Vectors over [query][4]: lane 4 · query + position % 4.
struct Quad {
  const float* q;          // [count][head_dim], times log2(e) / √head_dim
  float* out;              // [count][head_dim], Σ weight · value
  float* scores;           // [kPositions / 4][4 queries][4 positions], then weights
  float *maximum, *total;  // [4 queries][4]; the sum over a query's four is its total
  size_t visible[kQuad];   // positions a query attends to
};

/// Asks for the lines of `bytes` bytes before they are needed: a block's keys and values are two short
/// streams, which the processor's own prefetchers find late. Into L2: the two would not fit L1.
inline void fetch(const uint8_t* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) prefetch_line(p + i);
}

/// [k0, k1, k2, k3] sums within each 128-bit lane.
inline __m512 lane_sums(__m512 k0, __m512 k1, __m512 k2, __m512 k3) {
  const auto halves = [](__m512 a, __m512 b) {
    const __m512 straight = _mm512_mask_blend_ps(0xcccc, a, b);
    return _mm512_add_ps(straight, _mm512_shuffle_ps(a, b, 0x4e));
  };
  const __m512 a = halves(k0, k1), b = halves(k2, k3);
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}

/// Sums over the 128-bit lanes of each of four vectors, to lane i of the result.
inline __m512 sums_over_lanes(__m512 v0, __m512 v1, __m512 v2, __m512 v3) {
  const auto halves = [](__m512 a, __m512 b) {
    const __m512 straight = _mm512_mask_blend_ps(0xff00, a, b);
    return _mm512_add_ps(straight, _mm512_shuffle_f32x4(a, b, 0x4e));
  };
  const __m512 a = halves(v0, v1), b = halves(v2, v3);
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/// Scores of Q queries with four keys. kDim: head_dim where it is known, for addresses without arithmetic.
template <KvType type, int Q, size_t kDim>
inline __m512 score_keys(const float* q, const uint8_t* const (&keys)[4], size_t head_dim) {
  if constexpr (kDim != 0) head_dim = kDim;
  __m512 sum[Q][4];
#pragma GCC unroll 4
  for (int i = 0; i < Q; ++i)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) sum[i][k] = _mm512_setzero_ps();
#pragma GCC unroll 8
  for (size_t d = 0; d < head_dim; d += 16) {
    __m512 key[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) key[k] = load16<type>(keys[k], d);
#pragma GCC unroll 4
    for (int i = 0; i < Q; ++i) {
      const __m512 query = _mm512_loadu_ps(q + static_cast<size_t>(i) * head_dim + d);
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) sum[i][k] = _mm512_fmadd_ps(query, key[k], sum[i][k]);
    }
  }
  __m512 lanes[kQuad];
#pragma GCC unroll 4
  for (int i = 0; i < static_cast<int>(kQuad); ++i)
    lanes[i] =
        i < Q ? lane_sums(sum[i % Q][0], sum[i % Q][1], sum[i % Q][2], sum[i % Q][3]) : _mm512_setzero_ps();
  return sums_over_lanes(lanes[0], lanes[1], lanes[2], lanes[3]);
}

/// Scores of n positions of a block; the last four keys may repeat the last one.
template <KvType type, int Q, size_t kDim>
void score_few(const Quad& s, const Block& b, size_t n, size_t head_dim) {
  const size_t stride = kDim != 0 ? kv_row_bytes(type, kDim) : b.stride;
  const float* q = s.q;
  float* scores = s.scores;
  const uint8_t *k = b.k, *v = b.v;
  size_t p = 0;
  for (; p + 4 <= n; p += 4, k += 4 * stride, v += 4 * stride, scores += 16) {
    fetch(v, 4 * stride);
    _mm512_storeu_ps(scores,
                     score_keys<type, Q, kDim>(q, {k, k + stride, k + 2 * stride, k + 3 * stride}, head_dim));
  }
  if (p == n) return;
  const uint8_t* last = b.k + (n - 1) * stride;
  _mm512_storeu_ps(
      scores, score_keys<type, Q, kDim>(
                  q, {k, p + 1 < n ? k + stride : last, p + 2 < n ? k + 2 * stride : last, last}, head_dim));
}

/// Lanes of four positions from p on that each query attends to.
inline __mmask16 visible_lanes(const Quad& s, size_t p) {
  unsigned lanes = 0;
  for (size_t i = 0; i < kQuad; ++i)
    lanes |= (s.visible[i] > p ? first_lanes(s.visible[i] - p) & 0xfu : 0u) << (4 * i);
  return static_cast<__mmask16>(lanes);
}

/// Turns the scores of n positions into weights.
template <int Q>
void weigh_few(const Quad& s, const Block& b, size_t n, size_t head_dim) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 block = lowest;
  size_t p = 0;
  // Queries are in the order of their tokens: the first attends to the fewest positions.
  for (; b.first + p + 4 <= s.visible[0] && p < n; p += 4)
    block = _mm512_max_ps(block, _mm512_loadu_ps(s.scores + 4 * p));
  for (; p < n; p += 4) {
    const __mmask16 lanes = visible_lanes(s, b.first + p);
    const __m512 score = _mm512_mask_blend_ps(lanes, lowest, _mm512_loadu_ps(s.scores + 4 * p));
    _mm512_storeu_ps(s.scores + 4 * p, score);
    block = _mm512_max_ps(block, score);
  }
  block = _mm512_max_ps(block, _mm512_shuffle_ps(block, block, 0x4e));
  block = _mm512_max_ps(block, _mm512_shuffle_ps(block, block, 0xb1));

  __m512 maximum = _mm512_loadu_ps(s.maximum), total = _mm512_loadu_ps(s.total);
  const __mmask16 higher =
      _mm512_cmp_ps_mask(_mm512_add_ps(maximum, _mm512_set1_ps(kSlack)), block, _CMP_LT_OQ);
  if (higher != 0) {
    // A query whose maximum stays gets the factor 1: what it shares the vector with makes no difference.
    const __m512 before = maximum;
    maximum = _mm512_mask_blend_ps(higher, maximum, block);
    const __m512 factor = exp2_of(_mm512_sub_ps(before, maximum));
    total = _mm512_mul_ps(total, factor);
    _mm512_storeu_ps(s.maximum, maximum);
    float factors[16];
    _mm512_storeu_ps(factors, factor);
    for (size_t i = 0; i < Q; ++i) {
      float* out = s.out + i * head_dim;
      const __m512 f = _mm512_set1_ps(factors[4 * i]);
      for (size_t d = 0; d < head_dim; d += 16)
        _mm512_storeu_ps(out + d, _mm512_mul_ps(_mm512_loadu_ps(out + d), f));
    }
  }
  for (p = 0; p < n; p += 4) {
    const __m512 weight = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(s.scores + 4 * p), maximum));
    _mm512_storeu_ps(s.scores + 4 * p, weight);
    total = _mm512_add_ps(total, weight);
  }
  _mm512_storeu_ps(s.total, total);
}

/// Adds weight · value of n positions to elements d .. d + 16 · W - 1 of the sums.
template <KvType type, int Q, int W>
void add_values(const Quad& s, const Block& b, size_t n, size_t head_dim, size_t d) {
  __m512 sum[Q][W];
  float* out = s.out + d;
#pragma GCC unroll 4
  for (int i = 0; i < Q; ++i)
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w)
      sum[i][w] = _mm512_loadu_ps(out + static_cast<size_t>(i) * head_dim + 16 * static_cast<size_t>(w));
  const auto add = [&](const uint8_t* row, const float* weights) {
    __m512 value[W];
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w) value[w] = load16<type>(row, d + 16 * static_cast<size_t>(w));
#pragma GCC unroll 4
    for (int i = 0; i < Q; ++i) {
      const __m512 weight = _mm512_set1_ps(weights[4 * i]);
#pragma GCC unroll 4
      for (int w = 0; w < W; ++w) sum[i][w] = _mm512_fmadd_ps(value[w], weight, sum[i][w]);
    }
  };
  const uint8_t *row = b.v, *next = b.k + kPositions * b.stride;
  const float* weights = s.scores;
  const size_t ahead = d == 0 ? b.next : 0;
  size_t p = 0;
  for (; p + 4 <= n; p += 4, weights += 16) {
    if (p < ahead) fetch(next + p * b.stride, 4 * b.stride);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k, row += b.stride) add(row, weights + k);
  }
  for (; p < n; ++p, row += b.stride) add(row, weights++);
#pragma GCC unroll 4
  for (int i = 0; i < Q; ++i)
#pragma GCC unroll 4
    for (int w = 0; w < W; ++w)
      _mm512_storeu_ps(out + static_cast<size_t>(i) * head_dim + 16 * static_cast<size_t>(w), sum[i][w]);
}

template <KvType type, int Q>
void attend_few(const Quad& s, const Block& b, size_t head_dim) {
  const size_t most = s.visible[Q - 1];  // queries are in the order of their tokens
  if (most <= b.first) return;
  const size_t n = min_of(b.n, most - b.first);
  switch (head_dim) {
    case 64:
      score_few<type, Q, 64>(s, b, n, head_dim);
      break;
    case 128:
      score_few<type, Q, 128>(s, b, n, head_dim);
      break;
    default:
      score_few<type, Q, 0>(s, b, n, head_dim);
  }
  weigh_few<Q>(s, b, n, head_dim);
  size_t d = 0;
  for (; d + 64 <= head_dim; d += 64) add_values<type, Q, 4>(s, b, n, head_dim, d);
  for (; d + 32 <= head_dim; d += 32) add_values<type, Q, 2>(s, b, n, head_dim, d);
  for (; d < head_dim; d += 16) add_values<type, Q, 1>(s, b, n, head_dim, d);
}

}  // namespace
}  // namespace openelm
