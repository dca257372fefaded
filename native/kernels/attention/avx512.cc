// Attention, AVX-512, blocked: the queries of all heads that share a kv head and of up to 32 tokens go over
// the keys together, 32 at a time, with a running maximum and sum (Dao et al., FlashAttention, arXiv
// 2205.14135). Each key and value is read and converted to f32 once for all of them.
//
// With many queries the keys of a block are transposed, so that scores are the float matmul's inner kernel;
// with few (decode) the transposition would cost more than the products, and scores are dot products of 4
// keys × 4 queries.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

constexpr size_t kKeys = 32;
constexpr size_t kTokens = 32;
/// Most queries for which keys are not transposed.
constexpr size_t kFewQueries = 8;

/// Working memory of one call, by pointer.
struct Scratch {
  float *q, *sums, *scores, *keys, *transposed, *values, *maximum, *total;

  Scratch(void* memory, size_t queries, size_t head_dim) {
    float* next = static_cast<float*>(memory);
    const auto take = [&next](size_t n) {
      float* taken = next;
      next += round_up(n, 16);
      return taken;
    };
    q = take(queries * head_dim);         // [query][head_dim], times 1 / √head_dim
    sums = take(queries * head_dim);      // [query][head_dim], Σ weight · value
    scores = take(queries * kKeys);       // [query][key], then weights
    keys = take(kKeys * head_dim);        // [key][head_dim]
    transposed = take(kKeys * head_dim);  // [head_dim][key]
    values = take(kKeys * head_dim);      // [key][head_dim]
    maximum = take(queries);
    total = take(queries);
  }

  static size_t bytes(size_t queries, size_t head_dim) {
    return (queries * (2 * head_dim + kKeys) + 3 * kKeys * head_dim + 2 * round_up(queries, 16)) *
           sizeof(float);
  }
};

/// One cached vector as f32.
void expand(KvType type, const uint8_t* src, float* dst, size_t head_dim) {
  switch (type) {
    case KvType::f32:
      for (size_t i = 0; i < head_dim; i += 16) _mm512_storeu_ps(dst + i, _mm512_loadu_ps(src + 4 * i));
      return;
    case KvType::f16:
      for (size_t i = 0; i < head_dim; i += 16)
        _mm512_storeu_ps(dst + i, _mm512_cvtph_ps(load_i256(src + 2 * i)));
      return;
    case KvType::q8_0:
      for (size_t i = 0; i < head_dim; i += kGroup, src += sizeof(BlockQ8_0)) {
        const __m512 d = _mm512_set1_ps(half_at(src));
        for (size_t j = 0; j < kGroup; j += 16) {
          const __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_i128(src + 2 + j)));
          _mm512_storeu_ps(dst + i + j, _mm512_mul_ps(v, d));
        }
      }
      return;
  }
}

/// [key][head_dim] to [head_dim][key].
void transpose_keys(const float* keys, float* transposed, size_t head_dim) {
  for (size_t key = 0; key < kKeys; key += 16) {
    for (size_t i = 0; i < head_dim; i += 16) {
      __m512i v[16];
      for (size_t j = 0; j < 16; ++j) v[j] = _mm512_loadu_si512(keys + (key + j) * head_dim + i);
      transpose16(v);
      for (size_t j = 0; j < 16; ++j) _mm512_storeu_si512(transposed + (i + j) * kKeys + key, v[j]);
    }
  }
}

/// Scores of Q queries with four keys: one load of a key serves Q queries.
template <int Q>
void dot_keys(const float* q, const float* keys, size_t head_dim, float* scores) {
  __m512 sum[Q][4];
  for (int i = 0; i < Q; ++i)
    for (int k = 0; k < 4; ++k) sum[i][k] = _mm512_setzero_ps();
  for (size_t d = 0; d < head_dim; d += 16) {
    __m512 query[Q];
    for (int i = 0; i < Q; ++i) query[i] = _mm512_loadu_ps(q + static_cast<size_t>(i) * head_dim + d);
    for (int k = 0; k < 4; ++k) {
      const __m512 key = _mm512_loadu_ps(keys + static_cast<size_t>(k) * head_dim + d);
      for (int i = 0; i < Q; ++i) sum[i][k] = _mm512_fmadd_ps(query[i], key, sum[i][k]);
    }
  }
  for (int i = 0; i < Q; ++i)
    _mm_storeu_ps(scores + static_cast<size_t>(i) * kKeys,
                  sums_of(sum[i][0], sum[i][1], sum[i][2], sum[i][3]));
}

void scores_of_few(const Scratch& s, size_t first, size_t queries, size_t head_dim) {
  for (size_t key = 0; key < kKeys; key += 4) {
    const float* keys = s.keys + key * head_dim;
    size_t i = first;
    for (; i + 4 <= queries; i += 4)
      dot_keys<4>(s.q + i * head_dim, keys, head_dim, s.scores + i * kKeys + key);
    for (; i < queries; ++i) dot_keys<1>(s.q + i * head_dim, keys, head_dim, s.scores + i * kKeys + key);
  }
}

void scores_of_many(const Scratch& s, size_t first, size_t queries, size_t head_dim) {
  transpose_keys(s.keys, s.transposed, head_dim);
  float* scores = s.scores + first * kKeys;
  for (size_t i = 0; i < (queries - first) * kKeys; i += 16)
    _mm512_storeu_ps(scores + i, _mm512_setzero_ps());
  multiply<2>(queries - first, s.transposed, kKeys, s.q + first * head_dim, head_dim, head_dim, scores,
              kKeys);
}

/// Turns a query's scores of one block into weights; keys from `visible` on get none. Sums so far are scaled
/// to the new maximum.
void weigh(const Scratch& s, size_t query, size_t visible, size_t head_dim) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  float* scores = s.scores + query * kKeys;
  const __m512 a = _mm512_mask_loadu_ps(lowest, first_lanes(visible), scores);
  const __m512 b = _mm512_mask_loadu_ps(lowest, first_lanes(visible > 16 ? visible - 16 : 0), scores + 16);
  const float before = s.maximum[query];
  const float block = max_of(_mm512_max_ps(a, b));
  const float largest = block > before ? block : before;
  const __m512 maximum = _mm512_set1_ps(largest);
  const __m512 wa = exp_of(_mm512_sub_ps(a, maximum)), wb = exp_of(_mm512_sub_ps(b, maximum));
  _mm512_storeu_ps(scores, wa);
  _mm512_storeu_ps(scores + 16, wb);
  const float sum = sum_of(_mm512_add_ps(wa, wb));
  if (largest == before) {
    s.total[query] += sum;
    return;
  }
  const __m512 factor = exp_of(_mm512_sub_ps(_mm512_set1_ps(before), maximum));
  s.maximum[query] = largest;
  s.total[query] = s.total[query] * _mm512_cvtss_f32(factor) + sum;
  float* sums = s.sums + query * head_dim;
  for (size_t d = 0; d < head_dim; d += 16)
    _mm512_storeu_ps(sums + d, _mm512_mul_ps(_mm512_loadu_ps(sums + d), factor));
}

/// Σ weight · value of a block, added to the sums of queries from `first` on.
void add_values(const Scratch& s, size_t first, size_t queries, size_t head_dim) {
  const float* weights = s.scores + first * kKeys;
  float* sums = s.sums + first * head_dim;
  size_t d = 0;
  for (; d + 32 <= head_dim; d += 32)
    multiply<2>(queries - first, s.values + d, head_dim, weights, kKeys, kKeys, sums + d, head_dim);
  if (d < head_dim)
    multiply<1>(queries - first, s.values + d, head_dim, weights, kKeys, kKeys, sums + d, head_dim);
}

/// Query heads [head_begin, head_end) of one kv head, tokens [token_begin, token_end), at most kTokens of
/// them.
void attend(const AttentionArgs& a, size_t kv_head, size_t head_begin, size_t head_end, size_t token_begin,
            size_t token_end) {
  const size_t heads = head_end - head_begin, queries = heads * (token_end - token_begin),
               head_dim = a.head_dim;
  const size_t row_bytes = kv_row_bytes(a.kv.type, head_dim);
  const uint8_t* k = a.kv.k + kv_head * a.kv.n_ctx * row_bytes;
  const uint8_t* v = a.kv.v + kv_head * a.kv.n_ctx * row_bytes;
  const Scratch s(a.scratch, queries, head_dim);

  // Queries are in order of tokens, so that those that see a block of keys are the last ones.
  const __m512 scale = _mm512_set1_ps(1.0f / __builtin_sqrtf(static_cast<float>(head_dim)));
  for (size_t i = 0; i < queries; ++i) {
    const float* q = a.q + (token_begin + i / heads) * a.ldq + (head_begin + i % heads) * head_dim;
    for (size_t d = 0; d < head_dim; d += 16) {
      _mm512_storeu_ps(s.q + i * head_dim + d, _mm512_mul_ps(_mm512_loadu_ps(q + d), scale));
      _mm512_storeu_ps(s.sums + i * head_dim + d, _mm512_setzero_ps());
    }
    s.maximum[i] = -__builtin_inff();
    s.total[i] = 0;
  }

  const size_t positions = a.first_pos + token_end;
  for (size_t key = 0; key < positions; key += kKeys) {
    const size_t count = min_of(kKeys, positions - key);
    for (size_t j = 0; j < kKeys; ++j) {
      float *key_out = s.keys + j * head_dim, *value_out = s.values + j * head_dim;
      if (j < count) {
        expand(a.kv.type, k + (key + j) * row_bytes, key_out, head_dim);
        expand(a.kv.type, v + (key + j) * row_bytes, value_out, head_dim);
        continue;
      }
      // Zero, so that a weight of zero does not meet what an earlier block or call left here.
      for (size_t d = 0; d < head_dim; d += 16) {
        _mm512_storeu_ps(key_out + d, _mm512_setzero_ps());
        _mm512_storeu_ps(value_out + d, _mm512_setzero_ps());
      }
    }
    const size_t first_token = a.first_pos + token_begin;
    const size_t first = key > first_token ? (key - first_token) * heads : 0;
    if (queries <= kFewQueries)
      scores_of_few(s, first, queries, head_dim);
    else
      scores_of_many(s, first, queries, head_dim);
    for (size_t i = first; i < queries; ++i)
      weigh(s, i, min_of(kKeys, first_token + i / heads + 1 - key), head_dim);
    add_values(s, first, queries, head_dim);
  }

  for (size_t i = 0; i < queries; ++i) {
    float* out = a.out + (token_begin + i / heads) * a.ldo + (head_begin + i % heads) * head_dim;
    const __m512 inverse = _mm512_set1_ps(1.0f / s.total[i]);
    for (size_t d = 0; d < head_dim; d += 16)
      _mm512_storeu_ps(out + d, _mm512_mul_ps(_mm512_loadu_ps(s.sums + i * head_dim + d), inverse));
  }
}

}  // namespace

size_t attention_scratch_bytes_avx512(size_t /*positions*/, size_t tokens, size_t heads, size_t head_dim) {
  return Scratch::bytes(heads * min_of(tokens, kTokens), head_dim);
}

void attention_avx512(const AttentionArgs& a) {
  const size_t group = a.heads / a.kv_heads;
  for (size_t h = a.head_begin; h < a.head_end;) {
    const size_t kv_head = h / group, end = min_of(a.head_end, (kv_head + 1) * group);
    for (size_t t = a.token_begin; t < a.token_end; t += kTokens)
      attend(a, kv_head, h, end, t, min_of(a.token_end, t + kTokens));
    h = end;
  }
}

}  // namespace openelm
