// Attention, AVX2: blocks of 64 positions with a running maximum and sum (FlashAttention). Up to 96 query
// rows, all heads of a kv head and consecutive tokens, share a block's keys and values.
//
// Few rows (decode) take each key as it comes from the cache and sum along head_dim; many rows have the
// block's keys transposed to f32 once, so that lanes are positions. Values need no transposition in either
// case.

#include <cmath>

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

constexpr size_t kPositions = 64;  // of a block
constexpr size_t kRows = 96;       // query rows that share a block
constexpr size_t kTile = 6;        // query rows of one pass through the inner kernels
constexpr size_t kDirectRows = 8;  // most rows for which keys are not transposed

/// Eight elements of a cached vector from index i (a multiple of 8).
template <KvType type>
inline __m256 load8(const uint8_t* row, size_t i) {
  if constexpr (type == KvType::f32) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(row) + i);
  } else if constexpr (type == KvType::f16) {
    return _mm256_cvtph_ps(load_i128(row + 2 * i));
  } else {
    const uint8_t* block = row + i / kGroup * sizeof(BlockQ8_0);
    int64_t quants;
    __builtin_memcpy(&quants, block + 2 + i % kGroup, sizeof quants);
    const __m256 q = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(quants)));
    return _mm256_mul_ps(q, _mm256_set1_ps(half_at(block)));
  }
}

struct Scratch {
  float* q;                // [kRows][head_dim], times 1/√head_dim
  float* out;              // [kRows][head_dim], not yet divided by total
  float* keys;             // [head_dim][kPositions]
  float* values;           // [kPositions][head_dim]
  float* scores;           // [kTile][kPositions]
  float *largest, *total;  // [kRows]
  size_t* visible;         // [kRows], positions a row attends to

  static size_t bytes(size_t head_dim) {
    return 4 * (2 * kRows * head_dim + 2 * kPositions * head_dim + kTile * kPositions + 2 * kRows) +
           kRows * sizeof(size_t);
  }

  Scratch(void* memory, size_t head_dim) {
    q = static_cast<float*>(memory);
    out = q + kRows * head_dim;
    keys = out + kRows * head_dim;
    values = keys + kPositions * head_dim;
    scores = values + kPositions * head_dim;
    largest = scores + kTile * kPositions;
    total = largest + kRows;
    visible = reinterpret_cast<size_t*>(total + kRows);
  }
};

/// Keys of n positions, transposed; zero beyond n.
template <KvType type>
void load_keys(const uint8_t* k, size_t stride, size_t n, size_t head_dim, float* keys) {
  for (size_t p = 0; p < kPositions; p += 8)
    for (size_t i = 0; i < head_dim; i += 8) {
      __m256i v[8];
      for (size_t j = 0; j < 8; ++j)
        v[j] = p + j < n ? _mm256_castps_si256(load8<type>(k + (p + j) * stride, i)) : _mm256_setzero_si256();
      transpose8(v);
      for (size_t j = 0; j < 8; ++j)
        _mm256_store_si256(reinterpret_cast<__m256i*>(keys + (i + j) * kPositions + p), v[j]);
    }
}

template <KvType type>
void load_values(const uint8_t* v, size_t stride, size_t n, size_t head_dim, float* values) {
  for (size_t p = 0; p < n; ++p)
    for (size_t i = 0; i < head_dim; i += 8)
      _mm256_store_ps(values + p * head_dim + i, load8<type>(v + p * stride, i));
}

/// scores[t][p] of T rows and P positions from p, along head_dim. Two positions at a time halve the loads of
/// q, which would bind otherwise.
template <KvType type, int T, int P>
inline void score_positions(const float* q, const uint8_t* k, size_t stride, size_t p, size_t head_dim,
                            float* scores) {
  __m256 sum[P][T];
#pragma GCC unroll 2
  for (int j = 0; j < P; ++j)
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sum[j][t] = _mm256_setzero_ps();
  for (size_t i = 0; i < head_dim; i += 8) {
    __m256 key[P];
#pragma GCC unroll 2
    for (int j = 0; j < P; ++j) key[j] = load8<type>(k + (p + static_cast<size_t>(j)) * stride, i);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const __m256 query = _mm256_load_ps(q + t * head_dim + i);
#pragma GCC unroll 2
      for (int j = 0; j < P; ++j) sum[j][t] = _mm256_fmadd_ps(key[j], query, sum[j][t]);
    }
  }
#pragma GCC unroll 2
  for (int j = 0; j < P; ++j) {
    float* dst = scores + p + j;
    if constexpr (T == 4) {
      alignas(16) float all[4];
      _mm_store_ps(all, ordered_sums_of(sum[j]));
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) dst[t * kPositions] = all[t];
    } else {
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) dst[t * kPositions] = sum_of(sum[j][t]);
    }
  }
}

template <KvType type, int T>
void direct_scores(const float* q, const uint8_t* k, size_t stride, size_t n, size_t head_dim,
                   float* scores) {
  size_t p = 0;
  for (; p + 2 <= n; p += 2) score_positions<type, T, 2>(q, k, stride, p, head_dim, scores);
  if (p < n) score_positions<type, T, 1>(q, k, stride, p, head_dim, scores);
}

/// out[t] += Σ_p weights[t][p] · v[p] for T rows, straight from the cache.
template <KvType type, int T>
void direct_values(const float* weights, const uint8_t* v, size_t stride, size_t n, size_t head_dim,
                   float* out) {
  for (size_t i = 0; i < head_dim; i += 16) {
    __m256 sum[T][2];
    for (int t = 0; t < T; ++t)
      for (int h = 0; h < 2; ++h) sum[t][h] = _mm256_load_ps(out + t * head_dim + i + 8 * h);
    for (size_t p = 0; p < n; ++p) {
      const __m256 v0 = load8<type>(v + p * stride, i), v1 = load8<type>(v + p * stride, i + 8);
      for (int t = 0; t < T; ++t) {
        const __m256 w = _mm256_broadcast_ss(weights + t * kPositions + p);
        sum[t][0] = _mm256_fmadd_ps(w, v0, sum[t][0]);
        sum[t][1] = _mm256_fmadd_ps(w, v1, sum[t][1]);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int h = 0; h < 2; ++h) _mm256_store_ps(out + t * head_dim + i + 8 * h, sum[t][h]);
  }
}

/// Turns a row's scores of n visible positions into weights relative to the new running maximum, zero up to
/// kPositions, and scales what was summed before.
void soften(float* scores, size_t n, size_t head_dim, float* largest, float* total, float* out) {
  __m256 m = _mm256_set1_ps(-INFINITY);
  for (size_t p = 0; p < kPositions; p += 8) {
    const __m256 hidden =
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(first_lanes(p < n ? n - p : 0), _mm256_setzero_si256()));
    const __m256 s = _mm256_blendv_ps(_mm256_load_ps(scores + p), _mm256_set1_ps(-INFINITY), hidden);
    _mm256_store_ps(scores + p, s);
    m = _mm256_max_ps(m, s);
  }
  const float block = max_of(m), now = block > *largest ? block : *largest;
  const __m256 base = _mm256_set1_ps(now), lowest = _mm256_set1_ps(-87.33f);
  __m256 sum = _mm256_setzero_ps();
  for (size_t p = 0; p < kPositions; p += 8) {
    const __m256 x = _mm256_sub_ps(_mm256_load_ps(scores + p), base);
    const __m256 e = _mm256_andnot_ps(_mm256_cmp_ps(x, lowest, _CMP_LT_OQ), exp_of(x));
    _mm256_store_ps(scores + p, e);
    sum = _mm256_add_ps(sum, e);
  }
  if (now != *largest) {
    const float shift = *largest - now;
    const __m256 factor = shift < -87.33f ? _mm256_setzero_ps() : exp_of(_mm256_set1_ps(shift));
    *total *= _mm256_cvtss_f32(factor);
    for (size_t i = 0; i < head_dim; i += 8)
      _mm256_store_ps(out + i, _mm256_mul_ps(_mm256_load_ps(out + i), factor));
    *largest = now;
  }
  *total += sum_of(sum);
}

/// One tile of query rows against positions [first, first + n) of a block.
struct Block {
  const uint8_t *k, *v;  // row of position `first`
  size_t stride, first, n;
};

template <KvType type, int T>
void direct_tile(const Scratch& s, size_t row, const Block& b, size_t head_dim) {
  direct_scores<type, T>(s.q + row * head_dim, b.k, b.stride, b.n, head_dim, s.scores);
  for (int t = 0; t < T; ++t) {
    const size_t r = row + static_cast<size_t>(t);
    const size_t visible = s.visible[r] > b.first ? min_of(b.n, s.visible[r] - b.first) : 0;
    soften(s.scores + t * kPositions, visible, head_dim, s.largest + r, s.total + r, s.out + r * head_dim);
  }
  direct_values<type, T>(s.scores, b.v, b.stride, b.n, head_dim, s.out + row * head_dim);
}

template <KvType type>
void direct_rows(const Scratch& s, size_t rows, const Block& b, size_t head_dim) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) direct_tile<type, 4>(s, r, b, head_dim);
  for (; r < rows; ++r) direct_tile<type, 1>(s, r, b, head_dim);
}

void transposed_rows(const Scratch& s, size_t rows, const Block& b, size_t head_dim) {
  for (size_t row = 0; row < rows; row += kTile) {
    const size_t count = min_of(kTile, rows - row);
    const int t = static_cast<int>(count);
    // Rows are in the order of their tokens: the last sees most.
    const size_t most = s.visible[row + count - 1];
    if (most <= b.first) continue;
    const size_t n = min_of(b.n, most - b.first);
    __builtin_memset(s.scores, 0, kTile * kPositions * sizeof(float));
    for (size_t p = 0; p < n; p += 16)
      multiply_f32(t, s.keys + p, kPositions, s.q + row * head_dim, head_dim, head_dim, s.scores + p,
                   kPositions);
    for (size_t r = row; r < row + count; ++r)
      soften(s.scores + (r - row) * kPositions,
             s.visible[r] > b.first ? min_of(n, s.visible[r] - b.first) : 0, head_dim, s.largest + r,
             s.total + r, s.out + r * head_dim);
    for (size_t i = 0; i < head_dim; i += 16)
      multiply_f32(t, s.values + i, head_dim, s.scores, kPositions, n, s.out + row * head_dim + i, head_dim);
  }
}

/// Query rows [first, last) of kv head `kv_head`; row i is token token_begin + i / heads, head head_begin + i
/// % heads.
template <KvType type>
void attend(const AttentionArgs& a, size_t kv_head, size_t head_begin, size_t heads, size_t first,
            size_t last) {
  const Scratch s(a.scratch, a.head_dim);
  const size_t rows = last - first, stride = kv_row_bytes(type, a.head_dim);
  const __m256 scale = _mm256_set1_ps(1.0f / __builtin_sqrtf(static_cast<float>(a.head_dim)));
  for (size_t r = 0; r < rows; ++r) {
    const size_t token = a.token_begin + (first + r) / heads, head = head_begin + (first + r) % heads;
    const float* q = a.q + token * a.ldq + head * a.head_dim;
    for (size_t i = 0; i < a.head_dim; i += 8) {
      _mm256_store_ps(s.q + r * a.head_dim + i, _mm256_mul_ps(_mm256_loadu_ps(q + i), scale));
      _mm256_store_ps(s.out + r * a.head_dim + i, _mm256_setzero_ps());
    }
    s.largest[r] = -INFINITY;
    s.total[r] = 0;
    s.visible[r] = a.first_pos + token + 1;
  }
  const size_t positions = s.visible[rows - 1], head_offset = kv_head * a.kv.n_ctx * stride;
  for (size_t p = 0; p < positions; p += kPositions) {
    const Block b{a.kv.k + head_offset + p * stride, a.kv.v + head_offset + p * stride, stride, p,
                  min_of(kPositions, positions - p)};
    if (rows <= kDirectRows) {
      direct_rows<type>(s, rows, b, a.head_dim);
      continue;
    }
    load_keys<type>(b.k, stride, b.n, a.head_dim, s.keys);
    load_values<type>(b.v, stride, b.n, a.head_dim, s.values);
    transposed_rows(s, rows, b, a.head_dim);
  }
  for (size_t r = 0; r < rows; ++r) {
    const size_t token = a.token_begin + (first + r) / heads, head = head_begin + (first + r) % heads;
    float* out = a.out + token * a.ldo + head * a.head_dim;
    const __m256 factor = _mm256_set1_ps(1.0f / s.total[r]);
    for (size_t i = 0; i < a.head_dim; i += 8)
      _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_load_ps(s.out + r * a.head_dim + i), factor));
  }
}

template <KvType type>
void attention(const AttentionArgs& a) {
  const size_t group = a.heads / a.kv_heads;
  for (size_t begin = a.head_begin; begin < a.head_end;) {
    const size_t kv_head = begin / group, end = min_of(a.head_end, (kv_head + 1) * group),
                 heads = end - begin;
    const size_t rows = (a.token_end - a.token_begin) * heads;
    for (size_t row = 0; row < rows; row += kRows)
      attend<type>(a, kv_head, begin, heads, row, min_of(rows, row + kRows));
    begin = end;
  }
}

}  // namespace

size_t attention_scratch_bytes_avx2(size_t /*positions*/, size_t /*tokens*/, size_t /*heads*/,
                                    size_t head_dim) {
  return Scratch::bytes(head_dim);
}

void attention_avx2(const AttentionArgs& a) {
  switch (a.kv.type) {
    case KvType::f32:
      return attention<KvType::f32>(a);
    case KvType::f16:
      return attention<KvType::f16>(a);
    case KvType::q8_0:
      return attention<KvType::q8_0>(a);
  }
}

}  // namespace openelm
