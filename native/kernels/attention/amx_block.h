#pragma once

// A block of 64 positions against tiles of 16 queries, in AMX tiles. Scores and sums are kept transposed, a
// query to a lane: keys are tiles as they lie in the cache, the maximum and the sum of weights need no
// operation across lanes, and weights are the operand of the second product as they come.

#include "kernels/attention/amx_split.h"
#include "kernels/attention/zmm_cache.h"

namespace openelm {
namespace {

/// Queries of one call of attend: all heads of a kv head, consecutive tokens.
constexpr size_t kQueries = 128;

/// Working memory of a thread. "Split": high and low bf16 one after the other.
struct Tiles {
  uint8_t* queries;  // [tile][step of 32 elements][split] tiles, times log2(e) / √head_dim
  uint8_t* keys;     // [step of 32 elements][split][kPositions] rows
  uint8_t* values;   // [step of 32 positions][head_dim] rows: transposed
  uint8_t* weights;  // [step of 32 positions] tiles
  float* sums;       // [tile][head_dim][16], Σ weight · value
  float* scores[2];  // [kPositions][16], of the tile at hand and of the next
  float* maximum;    // [tile][16]
  float* total;      // [tile][16]
  int32_t* visible;  // [tile][16], positions a query attends to
};

/// Queries, a pointer each, as tiles: pairs of elements × queries.
inline void pack_queries(const float* const (&rows)[kSide], __m512 scale, size_t head_dim, uint8_t* out) {
  for (size_t d = 0; d < head_dim; d += kStep, out += 2 * kTileBytes) {
    __m512i high[kSide], low[kSide];
    for (size_t i = 0; i < kSide; ++i) {
      const Split split = split_pairs(_mm512_mul_ps(_mm512_loadu_ps(rows[i] + d), scale),
                                      _mm512_mul_ps(_mm512_loadu_ps(rows[i] + d + kSide), scale));
      high[i] = split.high;
      low[i] = split.low;
    }
    transpose16(high);
    transpose16(low);
    for (size_t i = 0; i < kSide; ++i) {
      _mm512_store_si512(out + 64 * i, high[i]);
      _mm512_store_si512(out + kTileBytes + 64 * i, low[i]);
    }
  }
}

/// Keys of a block as rows, zeros up to a multiple of 32 positions.
template <KvType type>
void split_keys(const Block& b, size_t head_dim, uint8_t* keys) {
  constexpr size_t kLow = kPositions * 64;
  for (size_t p = 0; p < round_up(b.n, kStep); ++p) {
    uint8_t* out = keys + 64 * p;
    for (size_t d = 0; d < head_dim; d += kStep, out += 2 * kLow) {
      Split split{_mm512_setzero_si512(), _mm512_setzero_si512()};
      if (p < b.n) {
        const uint8_t* row = b.k + p * b.stride;
        split = split_pairs(load16<type>(row, d), load16<type>(row, d + kSide));
      }
      _mm512_store_si512(out, split.high);
      _mm512_store_si512(out + kLow, split.low);
    }
  }
}

/// Values of a block, transposed to rows of 32 positions, zeros beyond the block.
template <KvType type>
void transpose_values(const Block& b, size_t head_dim, uint8_t* values) {
  for (size_t p = 0; p < b.n; p += kStep) {
    for (size_t d = 0; d < head_dim; d += kSide, values += kTileBytes) {
      __m512i pairs[kSide];
      for (size_t i = 0; i < kSide; ++i) {
        const uint8_t* row = b.v + (p + i) * b.stride;
        const __m512 first = p + i < b.n ? load16<type>(row, d) : _mm512_setzero_ps();
        const __m512 second =
            p + i + kSide < b.n ? load16<type>(row + kSide * b.stride, d) : _mm512_setzero_ps();
        pairs[i] = pairs_of(first, second);
      }
      transpose16(pairs);
      for (size_t i = 0; i < kSide; ++i) _mm512_store_si512(values + 64 * i, pairs[i]);
    }
  }
}

/// Scores of a tile's queries with the first `positions` of the block, 32 or 64.
inline void score(const Tiles& s, size_t tile, size_t positions, size_t head_dim, float* scores) {
  const size_t steps = head_dim / kStep;
  const uint8_t* queries = s.queries + tile * steps * 2 * kTileBytes;
  if (positions > kStep)
    multiply_split<4>(s.keys, kPositions * 64, queries, steps, scores);
  else
    multiply_split<2>(s.keys, kPositions * 64, queries, steps, scores);
}

/// Hides the positions a query does not attend to; returns the largest score of each query.
inline __m512 mask_scores(float* scores, size_t positions, __m512i visible) {
  __m512 largest = _mm512_set1_ps(-__builtin_inff());
  for (size_t p = 0; p < positions; ++p) {
    const __mmask16 seen = _mm512_cmpgt_epi32_mask(visible, _mm512_set1_epi32(static_cast<int>(p)));
    const __m512 value = _mm512_mask_loadu_ps(_mm512_set1_ps(-__builtin_inff()), seen, scores + kSide * p);
    _mm512_store_ps(scores + kSide * p, value);
    largest = _mm512_max_ps(largest, value);
  }
  return largest;
}

inline __m512 largest_of(const float* scores, size_t positions) {
  __m512 largest[4];
  for (size_t i = 0; i < 4; ++i) largest[i] = _mm512_load_ps(scores + kSide * i);
  for (size_t p = 4; p < positions; p += 4)
    for (size_t i = 0; i < 4; ++i)
      largest[i] = _mm512_max_ps(largest[i], _mm512_load_ps(scores + kSide * (p + i)));
  return _mm512_max_ps(_mm512_max_ps(largest[0], largest[1]), _mm512_max_ps(largest[2], largest[3]));
}

/// Raises the maxima of the queries in `lanes` to `largest`; what was summed is scaled to them.
inline void raise_maxima(const Tiles& s, size_t tile, __mmask16 lanes, __m512 largest, size_t head_dim) {
  const __m512 old = _mm512_load_ps(s.maximum + kSide * tile);
  const __m512 now = _mm512_mask_blend_ps(lanes, old, largest);
  _mm512_store_ps(s.maximum + kSide * tile, now);
  const __m512 factor = _mm512_mask_blend_ps(lanes, _mm512_set1_ps(1.0f), exp2_of(_mm512_sub_ps(old, now)));
  float* total = s.total + kSide * tile;
  _mm512_store_ps(total, _mm512_mul_ps(_mm512_load_ps(total), factor));
  float* sums = s.sums + tile * head_dim * kSide;
  for (size_t d = 0; d < head_dim; ++d)
    _mm512_store_ps(sums + kSide * d, _mm512_mul_ps(_mm512_load_ps(sums + kSide * d), factor));
}

/// Weights of a tile's queries with the first `positions` of the block from their scores.
inline void weigh(const Tiles& s, size_t tile, size_t positions, const float* scores) {
  const __m512 maximum = _mm512_load_ps(s.maximum + kSide * tile);
  __m512 total = _mm512_load_ps(s.total + kSide * tile), second = _mm512_setzero_ps();
  uint8_t* out = s.weights;
  for (size_t p = 0; p < positions; p += kStep, out += kTileBytes) {
    for (size_t i = 0; i < kSide; ++i) {
      const float* at = scores + kSide * (p + i);
      const __m512 a = exp2_of(_mm512_sub_ps(_mm512_load_ps(at), maximum));
      const __m512 b = exp2_of(_mm512_sub_ps(_mm512_load_ps(at + kSide * kSide), maximum));
      total = _mm512_add_ps(total, a);
      second = _mm512_add_ps(second, b);
      _mm512_store_si512(out + 64 * i, pairs_of(a, b));
    }
  }
  _mm512_store_ps(s.total + kSide * tile, _mm512_add_ps(total, second));
}

/// Adds weight · value of the first `positions` of the block to a tile's sums.
inline void add_values(const Tiles& s, size_t tile, size_t positions, size_t head_dim, bool add) {
  const size_t steps = positions / kStep;
  const uint8_t* values = s.values;
  float* sums = s.sums + tile * head_dim * kSide;
  size_t d = 0;
  for (; d + 64 <= head_dim; d += 64, values += 4 * kTileBytes)
    multiply_rounded<4>(values, head_dim * 64, s.weights, steps, add, sums + kSide * d);
  if (d < head_dim) multiply_rounded<2>(values, head_dim * 64, s.weights, steps, add, sums + kSide * d);
}

}  // namespace
}  // namespace openelm
