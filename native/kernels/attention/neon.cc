// Attention, NEON: blocks of 64 keys with a running maximum and sum (Dao et al., FlashAttention, arXiv
// 2205.14135).
//
// The query rows of a kv head (tokens × the heads that share it) go through in tiles of up to eight. Scores
// of a tile are kept [key][query]: then a key's row times lanes gives them without transposing keys, the
// softmax runs down the keys with no horizontal step, and they are already in the order the values need. A
// tile of at most four queries (decode: the four heads of a group) uses one vector where a full one uses two.
//
// Blocks begin at fixed positions and every form does the same operations in the same order, so an output
// does not depend on how heads or tokens were split.

#include <cmath>

#include "kernels/simd/neon.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

using namespace neon;

constexpr size_t kBlockKeys = 64, kTileQueries = 8;

/// Four elements of a cache row.
struct RowF32 {
  OPENELM_NEON_INLINE float32x4_t load4(const uint8_t* row, size_t d) { return load_float4(row + 4 * d); }
};
struct RowF16 {
  OPENELM_NEON_INLINE float32x4_t load4(const uint8_t* row, size_t d) { return load_half4(row + 2 * d); }
};

/// A tile of query rows and what attention keeps about each between blocks.
struct Tile {
  float* q;       // [head_dim][8], times 1 / √head_dim
  float* sum;     // [8][head_dim], values weighted so far
  float* state;   // [8] largest score, [8] sum of weights
  size_t rows;    // queries in it; the others repeat the last one
  size_t pos[2];  // the positions of its first and last query
};

/// Scores of KEYS keys: s[key][query].
template <class Row, size_t KEYS, size_t VECTORS>
OPENELM_NEON_INLINE void score_keys(const uint8_t* keys, size_t stride, const float* q, size_t head_dim,
                                    float* s) {
  float32x4_t sum[KEYS][VECTORS];
  for (size_t k = 0; k < KEYS; ++k)
    for (size_t v = 0; v < VECTORS; ++v) sum[k][v] = vdupq_n_f32(0);
  for (size_t d = 0; d < head_dim; d += 4) {
    float32x4_t query[4][VECTORS];
    for (size_t i = 0; i < 4; ++i)
      for (size_t v = 0; v < VECTORS; ++v) query[i][v] = vld1q_f32(q + (d + i) * kTileQueries + 4 * v);
    for (size_t k = 0; k < KEYS; ++k) {
      keep_loads_here();
      const float32x4_t key = Row::load4(keys + k * stride, d);
      for (size_t v = 0; v < VECTORS; ++v) {
        sum[k][v] = vfmaq_laneq_f32(sum[k][v], query[0][v], key, 0);
        sum[k][v] = vfmaq_laneq_f32(sum[k][v], query[1][v], key, 1);
        sum[k][v] = vfmaq_laneq_f32(sum[k][v], query[2][v], key, 2);
        sum[k][v] = vfmaq_laneq_f32(sum[k][v], query[3][v], key, 3);
      }
    }
  }
  for (size_t k = 0; k < KEYS; ++k)
    for (size_t v = 0; v < VECTORS; ++v) vst1q_f32(s + k * kTileQueries + 4 * v, sum[k][v]);
}

/// Hides the keys after each query: those of the block from position `first` on get a score of -∞.
template <size_t VECTORS>
static inline void mask(float* s, size_t first, size_t keys, const float* positions) {
  for (size_t k = 0; k < keys; ++k) {
    for (size_t v = 0; v < VECTORS; ++v) {
      const uint32x4_t hidden =
          vcgtq_f32(vdupq_n_f32(static_cast<float>(first + k)), vld1q_f32(positions + 4 * v));
      float* p = s + k * kTileQueries + 4 * v;
      vst1q_f32(p, vbslq_f32(hidden, vdupq_n_f32(-INFINITY), vld1q_f32(p)));
    }
  }
}

/// Scores to weights e^(s - maximum) in place; updates the running state and gives the factor by which what
/// was summed before shrinks.
template <size_t VECTORS>
static inline void weigh(float* s, size_t keys, float* state, float* shrink) {
  for (size_t v = 0; v < VECTORS; ++v) {
    float* p = s + 4 * v;
    const float32x4_t before = vld1q_f32(state + 4 * v);
    float32x4_t largest = before;
    for (size_t k = 0; k < keys; ++k) largest = vmaxq_f32(largest, vld1q_f32(p + k * kTileQueries));
    const float32x4_t factor = neon::exp(vsubq_f32(before, largest));
    float32x4_t total = vmulq_f32(vld1q_f32(state + kTileQueries + 4 * v), factor);
    for (size_t k = 0; k < keys; ++k) {
      const float32x4_t weight = neon::exp(vsubq_f32(vld1q_f32(p + k * kTileQueries), largest));
      vst1q_f32(p + k * kTileQueries, weight);
      total = vaddq_f32(total, weight);
    }
    vst1q_f32(state + 4 * v, largest);
    vst1q_f32(state + kTileQueries + 4 * v, total);
    vst1q_f32(shrink + 4 * v, factor);
  }
}

/// sum[query] = sum[query] · shrink + Σ weight · value, 16 / VECTORS dimensions at a time in registers.
template <class Row, size_t VECTORS>
static inline void add_values(const float* s, size_t keys, const uint8_t* values, size_t stride,
                              const float* shrink, size_t head_dim, float* sum) {
  constexpr size_t kQueries = 4 * VECTORS, kVectors = 4 / VECTORS;
  for (size_t d = 0; d < head_dim; d += 4 * kVectors) {
    float32x4_t acc[kVectors * kQueries];  // [dimension / 4][query]
    for (size_t i = 0; i < kVectors; ++i)
      for (size_t q = 0; q < kQueries; ++q)
        acc[i * kQueries + q] = vmulq_n_f32(vld1q_f32(sum + q * head_dim + d + 4 * i), shrink[q]);
    for (size_t k = 0; k < keys; ++k) {
      float32x4_t weight[VECTORS];
      for (size_t v = 0; v < VECTORS; ++v) weight[v] = vld1q_f32(s + k * kTileQueries + 4 * v);
      OPENELM_NEON_UNROLL
      for (size_t i = 0; i < kVectors; ++i) {
        const float32x4_t value = Row::load4(values + k * stride, d + 4 * i);
        for (size_t v = 0; v < VECTORS; ++v) fma_lanes(acc + i * kQueries + 4 * v, value, weight[v]);
      }
    }
    for (size_t i = 0; i < kVectors; ++i)
      for (size_t q = 0; q < kQueries; ++q) vst1q_f32(sum + q * head_dim + d + 4 * i, acc[i * kQueries + q]);
  }
}

/// A block of keys and values in the form they are multiplied in.
struct Block {
  const uint8_t* k;
  const uint8_t* v;
  size_t stride;
  size_t first, keys;  // its first position and how many there are
};

template <class Row, size_t VECTORS>
static inline void attend(const Tile& tile, const Block& block, size_t head_dim, float* s,
                          const float* positions) {
  const size_t keys = smaller(block.keys, tile.pos[1] + 1 - block.first);
  size_t k = 0;
  for (; k + 8 <= keys; k += 8)
    score_keys<Row, 8, VECTORS>(block.k + k * block.stride, block.stride, tile.q, head_dim,
                                s + k * kTileQueries);
  for (; k < keys; ++k)
    score_keys<Row, 1, VECTORS>(block.k + k * block.stride, block.stride, tile.q, head_dim,
                                s + k * kTileQueries);
  if (block.first + keys > tile.pos[0] + 1) mask<VECTORS>(s, block.first, keys, positions);
  float shrink[kTileQueries];
  weigh<VECTORS>(s, keys, tile.state, shrink);
  add_values<Row, VECTORS>(s, keys, block.v, block.stride, shrink, head_dim, tile.sum);
}

/// Cache rows to f32 rows of head_dim.
static inline void convert_rows(KvType type, const uint8_t* src, size_t stride, size_t rows, size_t head_dim,
                                float* dst) {
  for (size_t r = 0; r < rows; ++r, src += stride, dst += head_dim) {
    if (type == KvType::f16) {
      for (size_t d = 0; d < head_dim; d += 4) vst1q_f32(dst + d, RowF16::load4(src, d));
      continue;
    }
    for (size_t g = 0; g < head_dim / kGroup; ++g) {
      const uint8_t* block = src + g * sizeof(BlockQ8_0);
      const float scale = load_half(block);
      for (size_t i = 0; i < kGroup; i += 8) {
        const int8x8_t q = vreinterpret_s8_u8(vld1_u8(block + offsetof(BlockQ8_0, qs) + i));
        const int16x8_t wide = vmovl_s8(q);
        float* p = dst + g * kGroup + i;
        vst1q_f32(p, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), scale));
        vst1q_f32(p + 4, vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(wide)), scale));
      }
    }
  }
}

/// Where things lie in the scratch, in floats.
struct Layout {
  size_t head_dim;
  size_t k() const { return 0; }
  size_t v() const { return kBlockKeys * head_dim; }
  size_t scores() const { return 2 * kBlockKeys * head_dim; }
  size_t tiles() const { return scores() + kBlockKeys * kTileQueries; }
  size_t tile() const { return 2 * kTileQueries * head_dim + 3 * kTileQueries; }
};

/// The query rows of one kv head: row r is head head_begin + r % heads of token token_begin + r / heads.
struct Queries {
  size_t head_begin, heads, rows;
};

Tile tile_at(const AttentionArgs& a, const Queries& queries, size_t index) {
  const Layout layout{a.head_dim};
  Tile tile;
  tile.q = static_cast<float*>(a.scratch) + layout.tiles() + index * layout.tile();
  tile.sum = tile.q + kTileQueries * a.head_dim;
  tile.state = tile.sum + kTileQueries * a.head_dim;
  const size_t first = index * kTileQueries;
  tile.rows = smaller(kTileQueries, queries.rows - first);
  const size_t position = a.first_pos + a.token_begin;
  tile.pos[0] = position + first / queries.heads;
  tile.pos[1] = position + (first + tile.rows - 1) / queries.heads;
  return tile;
}

/// Gathers a tile's queries, their positions (after the state) and an empty state.
void begin_tile(const AttentionArgs& a, const Queries& queries, size_t index, const Tile& tile) {
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(a.head_dim)));
  for (size_t i = 0; i < kTileQueries; ++i) {
    const size_t row = index * kTileQueries + smaller(i, tile.rows - 1);
    const size_t token = a.token_begin + row / queries.heads;
    const float* q = a.q + token * a.ldq + (queries.head_begin + row % queries.heads) * a.head_dim;
    for (size_t d = 0; d < a.head_dim; ++d) tile.q[d * kTileQueries + i] = q[d] * scale;
    for (size_t d = 0; d < a.head_dim; ++d) tile.sum[i * a.head_dim + d] = 0;
    tile.state[i] = -INFINITY;
    tile.state[kTileQueries + i] = 0;
    tile.state[2 * kTileQueries + i] = static_cast<float>(a.first_pos + token);
  }
}

void end_tile(const AttentionArgs& a, const Queries& queries, size_t index, const Tile& tile) {
  for (size_t i = 0; i < tile.rows; ++i) {
    const size_t row = index * kTileQueries + i;
    float* out = a.out + (a.token_begin + row / queries.heads) * a.ldo +
                 (queries.head_begin + row % queries.heads) * a.head_dim;
    const float inverse = 1.0f / tile.state[kTileQueries + i];
    for (size_t d = 0; d < a.head_dim; d += 4)
      vst1q_f32(out + d, vmulq_n_f32(vld1q_f32(tile.sum + i * a.head_dim + d), inverse));
  }
}

template <class Row>
void attend_tiles(const AttentionArgs& a, const Queries& queries, const Block& block) {
  float* scores = static_cast<float*>(a.scratch) + Layout{a.head_dim}.scores();
  for (size_t index = 0; index * kTileQueries < queries.rows; ++index) {
    const Tile tile = tile_at(a, queries, index);
    if (tile.pos[1] < block.first) continue;
    const float* positions = tile.state + 2 * kTileQueries;
    if (tile.rows > 4)
      attend<Row, 2>(tile, block, a.head_dim, scores, positions);
    else
      attend<Row, 1>(tile, block, a.head_dim, scores, positions);
  }
}

/// One kv head. With a single tile an f16 cache is read as it is; otherwise, and for q8_0, a block is
/// converted to f32 once for all tiles.
void attend_head(const AttentionArgs& a, size_t kv_head, const Queries& queries) {
  const Layout layout{a.head_dim};
  const size_t stride = kv_row_bytes(a.kv.type, a.head_dim);
  const size_t tiles = (queries.rows + kTileQueries - 1) / kTileQueries;
  for (size_t i = 0; i < tiles; ++i) begin_tile(a, queries, i, tile_at(a, queries, i));

  const size_t positions = a.first_pos + a.token_end;
  float* k = static_cast<float*>(a.scratch) + layout.k();
  float* v = static_cast<float*>(a.scratch) + layout.v();
  for (size_t first = 0; first < positions; first += kBlockKeys) {
    const size_t offset = (kv_head * a.kv.n_ctx + first) * stride;
    Block block{a.kv.k + offset, a.kv.v + offset, stride, first, smaller(kBlockKeys, positions - first)};
    if (a.kv.type == KvType::f32) {
      attend_tiles<RowF32>(a, queries, block);
      continue;
    }
    if (a.kv.type == KvType::f16 && tiles == 1) {
      attend_tiles<RowF16>(a, queries, block);
      continue;
    }
    convert_rows(a.kv.type, block.k, stride, block.keys, a.head_dim, k);
    convert_rows(a.kv.type, block.v, stride, block.keys, a.head_dim, v);
    block.k = reinterpret_cast<const uint8_t*>(k);
    block.v = reinterpret_cast<const uint8_t*>(v);
    block.stride = a.head_dim * sizeof(float);
    attend_tiles<RowF32>(a, queries, block);
  }
  for (size_t i = 0; i < tiles; ++i) end_tile(a, queries, i, tile_at(a, queries, i));
}

}  // namespace

size_t attention_scratch_bytes_neon(size_t /*positions*/, size_t tokens, size_t heads, size_t head_dim) {
  const Layout layout{head_dim};
  const size_t tiles = (tokens * heads + kTileQueries - 1) / kTileQueries;
  return (layout.tiles() + tiles * layout.tile()) * sizeof(float);
}

void attention_neon(const AttentionArgs& a) {
  const size_t group = a.heads / a.kv_heads;
  for (size_t head = a.head_begin; head < a.head_end;) {
    const size_t kv_head = head / group;
    const size_t heads = smaller((kv_head + 1) * group, a.head_end) - head;
    attend_head(a, kv_head, {head, heads, heads * (a.token_end - a.token_begin)});
    head += heads;
  }
}

}  // namespace openelm
