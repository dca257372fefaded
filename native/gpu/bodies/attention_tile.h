#pragma once

// Attention of several tokens of one sequence at once, without matrix units: keys and values of a few
// positions in shared memory for all tokens of the tile, a running maximum and sum for each (Dao et al.,
// arXiv 2205.14135).

#include "gpu/bodies/kv_rows.h"

namespace openelm {
namespace gpu {

/// Positions in shared memory at a time.
GPU_CONSTANT uint32_t kTilePositions = 8;

/// Bytes of shared memory of attend_tile.
GPU_BOTH uint32_t attend_tile_bytes(uint32_t head_dim) {
  const uint32_t rows = 2 * kTilePositions + 2 * kAttentionTile;
  return 4 * (rows * (head_dim + 1) + kAttentionTile * (kTilePositions + 2));
}

/// Rows [first, first + kTilePositions) of the cache as floats, [kTilePositions][stride]; those from `end` on
/// as 0.
template <KvType type, class Group>
GPU_FN void stage_rows(Group group, GPU_DEVICE const uint8_t* rows, uint32_t row_bytes, uint32_t first,
                       uint32_t end, uint32_t head_dim, GPU_SHARED float* out) {
  const uint32_t pieces = head_dim / 8, stride = head_dim + 1;
  for (uint32_t index = group.lane(); index < kTilePositions * pieces; index += group.size()) {
    const uint32_t p = index / pieces, i = index % pieces * 8;
    GPU_SHARED float* to = out + p * stride + i;
    if (first + p < end) {
      const KvPiece<type> piece = KvPiece<type>::load(rows + uint64_t(first + p) * row_bytes, i);
      GPU_UNROLL
      for (uint32_t j = 0; j < 8; ++j) to[j] = piece.at(j);
    } else {
      GPU_UNROLL
      for (uint32_t j = 0; j < 8; ++j) to[j] = 0;
    }
  }
}

/// One query's step over the staged positions, by a team. q, sum: [head_dim]; weights: [kTilePositions];
/// state: the largest score and the sum of weights. `valid` of the positions count.
template <class Team>
GPU_FN void attend_staged(Team team, GPU_SHARED const float* q, GPU_SHARED const float* keys,
                          GPU_SHARED const float* values, uint32_t head_dim, uint32_t valid, float scale,
                          GPU_SHARED float* weights, GPU_SHARED float* sum, GPU_SHARED float* state) {
  const uint32_t stride = head_dim + 1;
  const float before = state[0], total = state[1];
  float largest = before;
  for (uint32_t p = team.lane(); p < valid; p += team.size()) {
    float dot = 0;
    for (uint32_t i = 0; i < head_dim; ++i) dot = fma_of(q[i], keys[p * stride + i], dot);
    weights[p] = dot * scale;
    largest = max_of(largest, weights[p]);
  }
  largest = team.max(largest);
  float added = 0;
  for (uint32_t p = team.lane(); p < valid; p += team.size()) {
    weights[p] = exp_of(weights[p] - largest);
    added += weights[p];
  }
  added = team.sum(added);
  const float kept = exp_of(before - largest);
  team.barrier();
  for (uint32_t i = team.lane(); i < head_dim; i += team.size()) {
    float value = sum[i] * kept;
    for (uint32_t p = 0; p < valid; ++p) value = fma_of(weights[p], values[p * stride + i], value);
    sum[i] = value;
  }
  if (team.lane() == 0) {
    state[0] = largest;
    state[1] = fma_of(total, kept, added);
  }
  team.barrier();
}

/// Tile number `tile` for one query head, by a group. shared: attend_tile_bytes.
template <KvType type, class Group>
GPU_FN void attend_tile(Group group, AttentionArgs args, uint32_t tile, uint32_t head,
                        GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  const AttentionTile of = at<const AttentionTile>(args.tiles)[tile];
  GPU_DEVICE const BatchToken* tokens = at<const BatchToken>(args.list) + of.first_token;
  const BatchToken last = tokens[of.tokens - 1];
  const uint32_t head_dim = args.head_dim, stride = head_dim + 1;
  const uint32_t per_token = args.heads + 2 * args.kv_heads, kv_head = head / (args.heads / args.kv_heads);
  GPU_DEVICE const uint8_t* cached_keys = kv_rows(last, args.cache, kv_head, 0);
  GPU_DEVICE const uint8_t* cached_values = kv_rows(last, args.cache, kv_head, 1);
  GPU_SHARED float* keys = shared;
  GPU_SHARED float* values = keys + kTilePositions * stride;
  GPU_SHARED float* queries = values + kTilePositions * stride;
  GPU_SHARED float* sums = queries + kAttentionTile * stride;
  GPU_SHARED float* weights = sums + kAttentionTile * stride;
  GPU_SHARED float* states = weights + kAttentionTile * kTilePositions;

  for (uint32_t index = group.lane(); index < of.tokens * head_dim; index += group.size()) {
    const uint32_t t = index / head_dim, i = index % head_dim;
    const uint64_t row = uint64_t(of.first_token + t) * per_token + head;
    queries[t * stride + i] = at<const float>(args.qkv)[row * head_dim + i];
    sums[t * stride + i] = 0;
  }
  for (uint32_t t = group.lane(); t < of.tokens; t += group.size()) {
    states[2 * t] = -1.0f / 0.0f;
    states[2 * t + 1] = 0;
  }
  const float scale = 1.0f / sqrt_of(float(head_dim));
  for (uint32_t first = 0; first <= last.position; first += kTilePositions) {
    group.barrier();
    stage_rows<type>(group, cached_keys, args.cache.row_bytes, first, last.position + 1, head_dim, keys);
    stage_rows<type>(group, cached_values, args.cache.row_bytes, first, last.position + 1, head_dim, values);
    group.barrier();
    for (uint32_t t = group.team_index(); t < of.tokens; t += group.teams()) {
      const uint32_t position = tokens[t].position;
      if (first > position) continue;
      attend_staged(group.team(), queries + t * stride, keys, values, head_dim,
                    min_of(position + 1 - first, kTilePositions), scale, weights + t * kTilePositions,
                    sums + t * stride, states + 2 * t);
    }
  }
  group.barrier();
  for (uint32_t index = group.lane(); index < of.tokens * head_dim; index += group.size()) {
    const uint32_t t = index / head_dim, i = index % head_dim;
    const uint64_t row = uint64_t(of.first_token + t) * args.heads + head;
    at<float>(args.out)[row * head_dim + i] = sums[t * stride + i] / states[2 * t + 1];
  }
}

}  // namespace gpu
}  // namespace openelm
