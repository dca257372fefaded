// Attention of many queries (prefill) in AMX tiles, blocks of 64 positions with a running maximum and sum
// (Dao et al., FlashAttention, arXiv 2205.14135). Products have nearly the accuracy of f32 (amx_split.h):
// rounded to bf16, scores of ten would be off by a hundredth and their weights by as much.
//
// A tile's scores are multiplied before the weights of the tile ahead of it are taken, so that the tile unit
// works while the vector units do.

#include "kernels/attention/amx_block.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Below this many tokens nothing is rounded to bf16, in products neither.
constexpr size_t kFewestTokens = 16;

/// Takes aligned pieces of a call's memory, or counts their bytes.
class Pieces {
 public:
  explicit Pieces(void* memory) : next_(static_cast<uint8_t*>(memory)) {}
  template <class T>
  T* take(size_t count) {
    uint8_t* taken = next_;
    const size_t size = round_up(count * sizeof(T), 64);
    if (next_) next_ += size;
    bytes += size;
    return reinterpret_cast<T*>(taken);
  }
  size_t bytes = 0;

 private:
  uint8_t* next_;
};

Tiles tiles_in(Pieces& pieces, size_t head_dim) {
  Tiles s{};
  s.queries = pieces.take<uint8_t>(kQueries * head_dim * 4);
  s.keys = pieces.take<uint8_t>(kPositions * head_dim * 4);
  s.values = pieces.take<uint8_t>(kPositions * head_dim * 2);
  s.weights = pieces.take<uint8_t>(kPositions * kSide * 2);
  s.sums = pieces.take<float>(kQueries * head_dim);
  for (float*& scores : s.scores) scores = pieces.take<float>(kPositions * kSide);
  s.maximum = pieces.take<float>(kQueries);
  s.total = pieces.take<float>(kQueries);
  s.visible = pieces.take<int32_t>(kQueries);
  return s;
}

/// Tokens and query heads that share a kv head; query i is token `token` + i / heads, head `head` + i %
/// heads.
struct Queries {
  size_t token, head, heads, count;
};

template <class T>
T* row_of(const Queries& q, size_t i, T* base, size_t ld, size_t head_dim) {
  return base + (q.token + i / q.heads) * ld + (q.head + i % q.heads) * head_dim;
}

void open_tiles(const AttentionArgs& a, const Queries& q, const Tiles& s) {
  constexpr float kLog2E = 1.44269504f;
  const __m512 scale = _mm512_set1_ps(kLog2E / __builtin_sqrtf(static_cast<float>(a.head_dim)));
  for (size_t i = 0; i < q.count; i += kSide) {
    const float* rows[kSide];
    for (size_t j = 0; j < kSide; ++j) {
      const size_t query = min_of(i + j, q.count - 1);  // the last one fills its tile
      rows[j] = row_of(q, query, a.q, a.ldq, a.head_dim);
      s.visible[i + j] = static_cast<int32_t>(a.first_pos + q.token + query / q.heads + 1);
    }
    pack_queries(rows, scale, a.head_dim, s.queries + i * a.head_dim * 4);
    _mm512_store_ps(s.maximum + i, _mm512_set1_ps(-__builtin_inff()));
    _mm512_store_ps(s.total + i, _mm512_setzero_ps());
  }
}

void close_tiles(const AttentionArgs& a, const Queries& q, const Tiles& s) {
  for (size_t i = 0; i < q.count; i += kSide) {
    const __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(s.total + i));
    for (size_t d = 0; d < a.head_dim; d += kSide) {
      const float* sums = s.sums + i * a.head_dim + d * kSide;
      __m512i v[kSide];
      for (size_t j = 0; j < kSide; ++j)
        v[j] = _mm512_castps_si512(_mm512_mul_ps(_mm512_load_ps(sums + kSide * j), inverse));
      transpose16(v);
      for (size_t j = 0; j < kSide && i + j < q.count; ++j)
        _mm512_storeu_si512(row_of(q, i + j, a.out, a.ldo, a.head_dim) + d, v[j]);
    }
  }
}

/// All tiles against a block; queries are in the order of their tokens, the first ones may see none of it.
void attend_block(const Tiles& s, size_t tiles, const Block& b, size_t head_dim) {
  const auto last_visible = [&](size_t tile) {
    return static_cast<size_t>(s.visible[kSide * tile + kSide - 1]);
  };
  const auto seen = [&](size_t tile) { return round_up(min_of(b.n, last_visible(tile) - b.first), kStep); };
  size_t tile = 0;
  while (tile < tiles && last_visible(tile) <= b.first) ++tile;
  if (tile == tiles) return;
  score(s, tile, seen(tile), head_dim, s.scores[tile % 2]);
  for (; tile < tiles; ++tile) {
    float* scores = s.scores[tile % 2];
    const size_t positions = seen(tile);
    if (tile + 1 < tiles) score(s, tile + 1, seen(tile + 1), head_dim, s.scores[(tile + 1) % 2]);

    const size_t fewest = static_cast<size_t>(s.visible[kSide * tile]);
    const __m512i visible = _mm512_sub_epi32(_mm512_load_si512(s.visible + kSide * tile),
                                             _mm512_set1_epi32(static_cast<int>(b.first)));
    const __m512 largest = fewest >= b.first + positions ? largest_of(scores, positions)
                                                         : mask_scores(scores, positions, visible);
    const __m512 limit = _mm512_add_ps(_mm512_load_ps(s.maximum + kSide * tile), _mm512_set1_ps(kSlack));
    const __mmask16 above = _mm512_cmp_ps_mask(limit, largest, _CMP_LT_OQ);
    if (b.first == 0)
      _mm512_store_ps(s.maximum + kSide * tile, largest);
    else if (above != 0)
      raise_maxima(s, tile, above, largest, head_dim);
    weigh(s, tile, positions, scores);
    add_values(s, tile, positions, head_dim, b.first != 0);
  }
}

template <KvType type>
void attend(const AttentionArgs& a, const Queries& q, const Tiles& s) {
  const size_t kv_head = q.head / (a.heads / a.kv_heads), stride = kv_row_bytes(type, a.head_dim);
  const size_t cache = kv_head * a.kv.n_ctx * stride;
  open_tiles(a, q, s);
  const size_t tiles = round_up(q.count, kSide) / kSide;
  const size_t positions = a.first_pos + q.token + (q.count - 1) / q.heads + 1;
  for (size_t p = 0; p < positions; p += kPositions) {
    const uint8_t *k = a.kv.k + cache + p * stride, *v = a.kv.v + cache + p * stride;
    const Block b{k, v, stride, p, min_of(kPositions, positions - p), 0};
    split_keys<type>(b, a.head_dim, s.keys);
    transpose_values<type>(b, a.head_dim, s.values);
    attend_block(s, tiles, b, a.head_dim);
  }
  close_tiles(a, q, s);
}

template <KvType type>
void attention(const AttentionArgs& a) {
  Pieces pieces(a.scratch);
  const Tiles s = tiles_in(pieces, a.head_dim);
  const TileState state;
  const size_t group = a.heads / a.kv_heads;
  for (size_t head = a.head_begin; head < a.head_end;) {
    const size_t heads = min_of(a.head_end, (head / group + 1) * group) - head;
    const size_t tokens = kQueries / heads;  // of a call
    for (size_t t = a.token_begin; t < a.token_end; t += tokens)
      attend<type>(a, {t, head, heads, min_of(tokens, a.token_end - t) * heads}, s);
    head += heads;
  }
}

}  // namespace

size_t attention_scratch_bytes_amx(size_t positions, size_t tokens, size_t heads, size_t head_dim) {
  Pieces pieces(nullptr);
  tiles_in(pieces, head_dim);
  const size_t few = attention_scratch_bytes_avx512(positions, tokens, heads, head_dim);
  return pieces.bytes > few ? pieces.bytes : few;
}

void attention_amx(const AttentionArgs& a) {
  const size_t group = a.heads / a.kv_heads, tokens = a.token_end - a.token_begin;
  if (tokens < kFewestTokens || group > kQueries || a.head_dim % kStep != 0) return attention_avx512(a);
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
