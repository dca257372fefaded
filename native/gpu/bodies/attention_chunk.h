#pragma once

// Attention of single tokens to a chunk of positions: what a thread of a group has of it, and the memory they
// share.

#include "gpu/bodies/kv_rows.h"

namespace openelm {
namespace gpu {

/// Query heads computed at a time, by a group that has a chunk to itself.
GPU_CONSTANT uint32_t kQueries = 4;
/// Lanes that share a row of head_dim, eight elements each: a power of two, at most a team.
GPU_BOTH uint32_t lanes_of_row(uint32_t head_dim, uint32_t team_size) {
  uint32_t lanes = 1;
  while (lanes * 8 < head_dim && lanes < team_size) lanes *= 2;
  return lanes;
}

/// Floats of scores and totals in shared memory; the sums behind them are aligned to 16 bytes.
GPU_BOTH uint32_t score_floats(uint32_t queries) {
  return (queries * (kAttentionChunk + 1) + 3) / 4 * 4;
}

/// Bytes of shared memory of attend_chunk and attend_and_merge, for each part of a group: scores, totals and,
/// one after the other, fresh vectors (attention_heads.h) and the sums of slots.
GPU_BOTH uint32_t attend_chunk_bytes(uint32_t head_dim, uint32_t teams, uint32_t team_size,
                                     uint32_t queries = kQueries) {
  const uint32_t slots = teams * (team_size / lanes_of_row(head_dim, team_size));
  const uint32_t rows = slots * queries > queries + 2 ? slots * queries : queries + 2;
  return 4 * (score_floats(queries) + rows * head_dim);
}

/// What attend_chunk is to a thread: a slot takes every slots-th row, its lanes eight elements of it. Group:
/// a whole one, or a part with Queries of its query heads. RowsUnderWay: of the cache, a lane.
template <KvType type, uint32_t HeadDim, uint32_t Queries, class Group,
          uint32_t RowsUnderWay = (HeadDim >= 128 ? 8 : 4)>
struct ChunkThread {
  enum : uint32_t { kRowsUnderWay = RowsUnderWay };
  /// Of them, those whose sums over lanes are added side by side: all, unless queries do for that.
  enum : uint32_t { kSumsTogether = Queries == 1 ? RowsUnderWay : 1 };
  Group group;
  uint32_t head_dim, lanes, lane, slot, slots, count, row_bytes;

  GPU_FN ChunkThread(Group g, AttentionArgs args, uint32_t rows) : group(g) {
    const auto team = group.team();
    head_dim = HeadDim ? HeadDim : args.head_dim;
    lanes = lanes_of_row(head_dim, team.size());
    lane = team.lane() % lanes;
    const uint32_t slots_of_team = team.size() / lanes;
    slot = group.team_index() * slots_of_team + team.lane() / lanes;
    slots = group.teams() * slots_of_team;
    count = rows;
    row_bytes = args.cache.row_bytes;
  }

  /// scores[g][p] = queries[g] · key[p] / √head_dim for `heads` of the queries
  template <class QueryRows>
  GPU_FN void score(QueryRows queries, uint32_t heads, GPU_DEVICE const uint8_t* keys,
                    GPU_SHARED float* scores) const {
    const auto team = group.team();
    const float scale = 1.0f / sqrt_of(float(head_dim));
    for (uint32_t first = 0; first < head_dim; first += lanes * 8) {
      const uint32_t i = first + lane * 8;
      float q[Queries][8];
      GPU_UNROLL
      for (uint32_t g = 0; g < Queries; ++g) {
        GPU_UNROLL
        for (uint32_t j = 0; j < 8; ++j) q[g][j] = 0;
        if (i >= head_dim || g >= heads) continue;
        const KvPiece<KvType::f32> piece = queries.load(g * head_dim + i);
        GPU_UNROLL
        for (uint32_t j = 0; j < 8; ++j) q[g][j] = piece.at(j) * scale;
      }
      for (uint32_t base = 0; base < count; base += slots * kRowsUnderWay) {
        KvPiece<type> pieces[kRowsUnderWay];
        GPU_UNROLL
        for (uint32_t b = 0; b < kRowsUnderWay; ++b) {
          const uint32_t p = base + b * slots + slot;
          pieces[b] = KvPiece<type>{};  // or registers would hold what was there before
          if (p < count && i < head_dim) pieces[b] = KvPiece<type>::load(keys + p * row_bytes, i);
        }
        GPU_UNROLL
        for (uint32_t b = 0; b < kRowsUnderWay; b += kSumsTogether) {
          if (base + b * slots >= count) continue;  // for all lanes
          float dot[kSumsTogether * Queries];
          GPU_UNROLL
          for (uint32_t n = 0; n < kSumsTogether * Queries; ++n) {
            dot[n] = 0;
            GPU_UNROLL
            for (uint32_t j = 0; j < 8; ++j)
              dot[n] = fma_of(q[n % Queries][j], pieces[b + n / Queries].at(j), dot[n]);
          }
          GPU_UNROLL
          for (uint32_t n = 0; n < kSumsTogether * Queries; ++n) dot[n] = team.sum(dot[n], lanes);
          GPU_UNROLL
          for (uint32_t n = 0; n < kSumsTogether * Queries; ++n) {
            const uint32_t p = base + (b + n / Queries) * slots + slot;
            if (lane != 0 || p >= count) continue;
            GPU_SHARED float* score = scores + n % Queries * kAttentionChunk + p;
            *score = first == 0 ? dot[n] : *score + dot[n];
          }
        }
      }
    }
  }

  /// sums[slot][g][i] = Σ weights[g][p] · value[p][i] over the slot's rows
  GPU_FN void add_values(GPU_DEVICE const uint8_t* values, GPU_SHARED const float* weights,
                         GPU_SHARED float* sums) const {
    for (uint32_t i = lane * 8; i < head_dim; i += lanes * 8) {
      float sum[Queries][8];
      GPU_UNROLL
      for (uint32_t g = 0; g < Queries; ++g) {
        GPU_UNROLL
        for (uint32_t j = 0; j < 8; ++j) sum[g][j] = 0;
      }
      for (uint32_t base = slot; base < count; base += slots * kRowsUnderWay) {
        KvPiece<type> pieces[kRowsUnderWay];
        GPU_UNROLL
        for (uint32_t b = 0; b < kRowsUnderWay; ++b) {
          pieces[b] = KvPiece<type>{};
          if (base + b * slots < count)
            pieces[b] = KvPiece<type>::load(values + (base + b * slots) * row_bytes, i);
        }
        GPU_UNROLL
        for (uint32_t b = 0; b < kRowsUnderWay; ++b) {
          const uint32_t p = base + b * slots;
          float v[8];
          GPU_UNROLL
          for (uint32_t j = 0; j < 8; ++j) v[j] = pieces[b].at(j);
          GPU_UNROLL
          for (uint32_t g = 0; g < Queries; ++g) {
            const float weight = p < count ? weights[g * kAttentionChunk + p] : 0;
            GPU_UNROLL
            for (uint32_t j = 0; j < 8; ++j) sum[g][j] = fma_of(weight, v[j], sum[g][j]);
          }
        }
      }
      GPU_UNROLL
      for (uint32_t g = 0; g < Queries; ++g) {
        GPU_SHARED float* to = sums + (slot * Queries + g) * head_dim + i;
        GPU_UNROLL
        for (uint32_t j = 0; j < 8; j += 4)
          put_shared_16(to + j, Words4{{as_bits(sum[g][j]), as_bits(sum[g][j + 1]), as_bits(sum[g][j + 2]),
                                        as_bits(sum[g][j + 3])}});
      }
    }
  }
};

}  // namespace gpu
}  // namespace openelm
