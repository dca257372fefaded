// Attention, AVX-512: blocks of 64 positions with a running maximum and sum (Dao et al., FlashAttention,
// arXiv 2205.14135). Up to 128 queries, all heads of a kv head and consecutive tokens, go over the blocks
// together.

#include "kernels/attention/avx512_few.h"
#include "kernels/attention/avx512_many.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Queries that share a block.
constexpr size_t kQueries = 128;
/// Most queries for which blocks are used as they are; transposing keys costs as much as about this many.
constexpr size_t kFewQueries = 8;

/// Memory of one call: Many's, of which few queries use a part, and Quad's.
struct Scratch {
  Many many;
  float *scores, *maxima, *totals;  // of quads

  static size_t bytes(size_t head_dim) {
    const size_t floats = 2 * kQueries * head_dim + 2 * kPositions * head_dim + kTile * kPositions +
                          17 * kQueries + 4 * kPositions + 2 * 4 * kFewQueries;
    return floats * sizeof(float) + kQueries * sizeof(size_t);
  }

  Scratch(void* memory, size_t head_dim) {
    float* next = static_cast<float*>(memory);
    const auto take = [&next](size_t n) {
      float* taken = next;
      next += n;
      return taken;
    };
    many.q = take(kQueries * head_dim);
    many.out = take(kQueries * head_dim);
    many.keys = take(kPositions * head_dim);
    many.values = take(kPositions * head_dim);
    many.weights = take(kTile * kPositions);
    many.total = take(16 * kQueries);
    many.maximum = take(kQueries);
    scores = take(4 * kPositions);
    maxima = take(4 * kFewQueries);
    totals = take(4 * kFewQueries);
    many.visible = reinterpret_cast<size_t*>(next);
  }
};

/// The queries from `query` on, up to four of them.
template <KvType type>
void attend_quad(const Scratch& s, size_t query, size_t count, const Block& b, size_t head_dim) {
  Quad quad{s.many.q + query * head_dim, s.many.out + query * head_dim, s.scores,
            s.maxima + 4 * query,        s.totals + 4 * query,          {}};
  for (size_t i = 0; i < count; ++i) quad.visible[i] = s.many.visible[query + i];
  switch (count) {
    case 1:
      return attend_few<type, 1>(quad, b, head_dim);
    case 2:
      return attend_few<type, 2>(quad, b, head_dim);
    case 3:
      return attend_few<type, 3>(quad, b, head_dim);
    default:
      return attend_few<type, 4>(quad, b, head_dim);
  }
}

/// Queries [first, last) of kv head `kv_head`; query i is token token_begin + i / heads, head head_begin + i
/// % heads.
template <KvType type>
void attend(const AttentionArgs& a, size_t kv_head, size_t head_begin, size_t heads, size_t first,
            size_t last) {
  const size_t queries = last - first, head_dim = a.head_dim, stride = kv_row_bytes(type, head_dim);
  const Scratch s(a.scratch, head_dim);
  const bool few = queries <= kFewQueries;
  constexpr float kLog2E = 1.44269504f;
  const __m512 scale = _mm512_set1_ps(kLog2E / __builtin_sqrtf(static_cast<float>(head_dim)));
  const __m512 zero = _mm512_setzero_ps();
  for (size_t i = 0; i < queries; ++i) {
    const size_t token = a.token_begin + (first + i) / heads, head = head_begin + (first + i) % heads;
    const float* q = a.q + token * a.ldq + head * head_dim;
    for (size_t d = 0; d < head_dim; d += 16) {
      _mm512_storeu_ps(s.many.q + i * head_dim + d, _mm512_mul_ps(_mm512_loadu_ps(q + d), scale));
      _mm512_storeu_ps(s.many.out + i * head_dim + d, zero);
    }
    s.many.maximum[i] = -__builtin_inff();
    _mm512_storeu_ps(s.many.total + 16 * i, zero);
    s.many.visible[i] = a.first_pos + token + 1;
  }
  if (few) {
    for (size_t i = 0; i < 4 * kFewQueries; i += 16) {
      _mm512_storeu_ps(s.maxima + i, _mm512_set1_ps(-__builtin_inff()));
      _mm512_storeu_ps(s.totals + i, zero);
    }
  }

  const size_t positions = s.many.visible[queries - 1], cache = kv_head * a.kv.n_ctx * stride;
  for (size_t p = 0; p < positions; p += kPositions) {
    const Block b{a.kv.k + cache + p * stride,
                  a.kv.v + cache + p * stride,
                  stride,
                  p,
                  min_of(kPositions, positions - p),
                  min_of(kPositions, positions - min_of(positions, p + kPositions))};
    if (!few) {
      attend_many<type>(s.many, queries, b, head_dim);
      continue;
    }
    for (size_t i = 0; i < queries; i += kQuad)
      attend_quad<type>(s, i, min_of(kQuad, queries - i), b, head_dim);
  }

  for (size_t i = 0; i < queries; ++i) {
    const size_t token = a.token_begin + (first + i) / heads, head = head_begin + (first + i) % heads;
    float* out = a.out + token * a.ldo + head * head_dim;
    float total;
    if (few) {
      const float* parts = s.totals + 4 * i;
      total = (parts[0] + parts[1]) + (parts[2] + parts[3]);
    } else {
      total = sum_of(_mm512_loadu_ps(s.many.total + 16 * i));
    }
    const __m512 inverse = _mm512_set1_ps(1.0f / total);
    for (size_t d = 0; d < head_dim; d += 16)
      _mm512_storeu_ps(out + d, _mm512_mul_ps(_mm512_loadu_ps(s.many.out + i * head_dim + d), inverse));
  }
}

template <KvType type>
void attention(const AttentionArgs& a) {
  const size_t group = a.heads / a.kv_heads;
  for (size_t begin = a.head_begin; begin < a.head_end;) {
    const size_t kv_head = begin / group, end = min_of(a.head_end, (kv_head + 1) * group),
                 heads = end - begin;
    const size_t queries = (a.token_end - a.token_begin) * heads;
    for (size_t i = 0; i < queries; i += kQueries)
      attend<type>(a, kv_head, begin, heads, i, min_of(queries, i + kQueries));
    begin = end;
  }
}

}  // namespace

size_t attention_scratch_bytes_avx512(size_t /*positions*/, size_t /*tokens*/, size_t /*heads*/,
                                      size_t head_dim) {
  return Scratch::bytes(head_dim);
}

void attention_avx512(const AttentionArgs& a) {
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
