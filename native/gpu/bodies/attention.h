#pragma once

// Attention of single tokens, bound by the bandwidth over the cache. Positions are split into chunks of a
// fixed size; a group takes one chunk of one kv head for all query heads that share it, so that keys and
// values are read once, and leaves the unnormalized sum, the largest score and the sum of weights. Merging
// chunks is exact (Dao et al., FlashAttention, arXiv 2205.14135) and goes by their order: attend_chunk and,
// in a launch of its own, merge_chunks, or attend_and_merge where groups can tell which of them is the last.
// Either way the result has the same bits. A single chunk is written as the result at once. `heads` says
// where queries come from, and has the arguments: FinishedHeads or FreshHeads.

#include "gpu/bodies/attention_heads.h"

namespace openelm {
namespace gpu {

/// Floats of a chunk's partial result: [head_dim] sums, the largest score, the sum of weights; rows of 16
/// bytes.
GPU_BOTH uint32_t partial_floats(uint32_t head_dim) {
  return head_dim + 4;
}

/// Where the partial result of a chunk is.
GPU_FN GPU_DEVICE float* partial_of(AttentionArgs args, uint32_t token, uint32_t head, uint32_t chunk) {
  const uint64_t index = (uint64_t(token) * args.heads + head) * args.max_chunks + chunk;
  return at<float>(args.partials) + index * partial_floats(args.head_dim);
}

/// Chunks that a token's positions, its own included, are in.
GPU_FN uint32_t chunks_of(BatchToken token) {
  return token.position / kAttentionChunk + 1;
}

/// Part `index` of `count` of a group, all of one size, which share out the query heads of a kv head: Queries
/// for each at a time. `part` is a group without barriers.
template <uint32_t Queries, class Part>
struct PartOf {
  Part part;
  uint32_t index, count;
};

/// What the parts of a group have in shared memory, each its own, of attend_chunk_bytes.
template <uint32_t Queries>
struct ChunkShared {
  GPU_SHARED float* scores;  // [Queries][kAttentionChunk]
  GPU_SHARED float* totals;  // [Queries]
  GPU_SHARED float* sums;    // [slots][Queries][head_dim], and before that fresh vectors

  GPU_FN explicit ChunkShared(GPU_SHARED float* shared)
      : scores(shared), totals(shared + Queries * kAttentionChunk), sums(shared + score_floats(Queries)) {}
};

/// A chunk's partial result for `heads` query heads from `head` on or, of an only chunk, the result. Parts of
/// a group give the bits of a group of their size.
template <uint32_t Queries, class Group, class Part, class Slots, class QueryRows>
GPU_FN void attend_queries(Group group, Part part, Slots slots, AttentionArgs args, uint32_t token,
                           uint32_t head, uint32_t heads, uint32_t chunk, bool only, QueryRows queries,
                           GPU_DEVICE const uint8_t* keys, GPU_DEVICE const uint8_t* values,
                           ChunkShared<Queries> shared) {
  const auto team = part.team();
  const uint32_t head_dim = slots.head_dim;
  slots.score(queries, heads, keys, shared.scores);
  group.barrier();
  for (uint32_t g = part.team_index(); g < heads; g += part.teams()) {
    GPU_SHARED float* s = shared.scores + g * kAttentionChunk;
    float largest = -1.0f / 0.0f;
    GPU_UNROLL
    for (uint32_t base = 0; base < kAttentionChunk; base += team.size()) {
      const uint32_t p = base + team.lane();
      if (p < slots.count) largest = max_of(largest, s[p]);
    }
    largest = team.max(largest);
    float sum = 0;
    GPU_UNROLL
    for (uint32_t base = 0; base < kAttentionChunk; base += team.size()) {
      const uint32_t p = base + team.lane();
      if (p >= slots.count) continue;
      s[p] = exp_of(s[p] - largest);
      sum += s[p];
    }
    sum = team.sum(sum);
    if (team.lane() != 0) continue;
    shared.totals[g] = sum;
    if (only) continue;
    GPU_DEVICE float* partial = partial_of(args, token, head + g, chunk);
    partial[head_dim] = largest;
    partial[head_dim + 1] = sum;
  }
  group.barrier();
  slots.add_values(values, shared.scores, shared.sums);
  group.barrier();
  GPU_DEVICE float* out = at<float>(args.out) + (uint64_t(token) * args.heads + head) * head_dim;
  GPU_UNROLL
  for (uint32_t base = 0; base < Queries * head_dim; base += part.size()) {
    const uint32_t i = base + part.lane();
    if (i >= heads * head_dim) continue;
    float sum = 0;
    for (uint32_t slot = 0; slot < slots.slots; ++slot) sum += shared.sums[slot * Queries * head_dim + i];
    if (only)
      out[i] = sum / shared.totals[i / head_dim];
    else
      partial_of(args, token, head + i / head_dim, chunk)[i % head_dim] = sum;
  }
}

/// Chunk number `chunk` < chunks_of(of) for the query heads of a kv head.
template <KvType type, uint32_t HeadDim, class Group, class Heads>
GPU_FN void attend_positions(Group group, Heads heads_from, BatchToken of, uint32_t token, uint32_t kv_head,
                             uint32_t chunk, GPU_SHARED float* memory) {
  const AttentionArgs args = heads_from.args;
  const uint32_t begin = chunk * kAttentionChunk, chunks = chunks_of(of);
  const ChunkThread<type, HeadDim, kQueries, Group> slots(group, args,
                                                          min_of(of.position + 1 - begin, kAttentionChunk));
  const uint64_t offset = uint64_t(begin) * args.cache.row_bytes;
  GPU_DEVICE const uint8_t* keys = kv_rows(of, args.cache, kv_head, 0) + offset;
  GPU_DEVICE const uint8_t* values = kv_rows(of, args.cache, kv_head, 1) + offset;
  for (uint32_t p = slots.slot; p < slots.count; p += slots.slots)
    if (slots.lane * 128 < args.cache.row_bytes)
      prefetch(values + p * args.cache.row_bytes + slots.lane * 128);
  const ChunkShared<kQueries> shared(memory);
  const uint32_t per_kv = args.heads / args.kv_heads;
  for (uint32_t first = 0; first < per_kv; first += kQueries) {
    const uint32_t head = kv_head * per_kv + first, heads = min_of(per_kv - first, kQueries);
    const QueryHeads which{token, kv_head, head, heads, first == 0 && chunk + 1 == chunks};
    if (first > 0) group.barrier();  // sums may still be read
    attend_queries(group, group, slots, args, token, head, heads, chunk, chunks == 1,
                   heads_from.template queries<type>(group, of, which, shared.sums), keys, values, shared);
  }
}

/// The results of a kv head's query heads from `chunks` partial results of each.
template <class Group>
GPU_FN void merge_partials(Group group, AttentionArgs args, uint32_t token, uint32_t kv_head,
                           uint32_t chunks) {
  enum : uint32_t { kBatch = 8, kWide = 4 };  // chunks whose loads are under way together, floats of a load
  const uint32_t head_dim = args.head_dim, pieces = head_dim / kWide, per_kv = args.heads / args.kv_heads;
  for (uint32_t index = group.lane(); index < per_kv * pieces; index += group.size()) {
    const uint32_t head = kv_head * per_kv + index / pieces, i = index % pieces * kWide;
    GPU_DEVICE const float* partial = partial_of(args, token, head, 0);
    float largest = -1.0f / 0.0f, total = 0, sum[kWide] = {0, 0, 0, 0};
    for (uint32_t base = 0; base < chunks; base += kBatch) {
      Words4 ends[kBatch], values[kBatch];
      GPU_UNROLL
      for (uint32_t b = 0; b < kBatch; ++b) {
        ends[b] = Words4{{as_bits(-1.0f / 0.0f), 0, 0, 0}};
        values[b] = Words4{{0, 0, 0, 0}};
        if (base + b >= chunks) continue;
        GPU_DEVICE const float* chunk = partial + (base + b) * partial_floats(head_dim);
        ends[b] = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(chunk + head_dim));
        values[b] = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(chunk + i));
      }
      float most = largest;
      GPU_UNROLL
      for (uint32_t b = 0; b < kBatch; ++b) most = max_of(most, as_float(ends[b].word[0]));
      const float kept = exp_of(largest - most);
      total *= kept;
      GPU_UNROLL
      for (uint32_t j = 0; j < kWide; ++j) sum[j] *= kept;
      GPU_UNROLL
      for (uint32_t b = 0; b < kBatch; ++b) {
        const float scale = exp_of(as_float(ends[b].word[0]) - most);
        total = fma_of(scale, as_float(ends[b].word[1]), total);
        GPU_UNROLL
        for (uint32_t j = 0; j < kWide; ++j) sum[j] = fma_of(scale, as_float(values[b].word[j]), sum[j]);
      }
      largest = most;
    }
    GPU_DEVICE float* out = at<float>(args.out) + (uint64_t(token) * args.heads + head) * head_dim + i;
    GPU_UNROLL
    for (uint32_t j = 0; j < kWide; ++j) out[j] = sum[j] / total;
  }
}

/// Chunk number `chunk` of a single token's positions for the query heads of a kv head, by a group; does
/// nothing for a chunk behind the token's position. HeadDim: head_dim, or 0 for any. shared:
/// attend_chunk_bytes.
template <KvType type, uint32_t HeadDim, class Group, class Heads>
GPU_FN void attend_chunk(Group group, Heads heads, uint32_t token, uint32_t kv_head, uint32_t chunk,
                         GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  const BatchToken of = at<const BatchToken>(heads.args.list)[token];
  if (chunk < chunks_of(of)) attend_positions<type, HeadDim>(group, heads, of, token, kv_head, chunk, shared);
}

/// A single token's results for the query heads of a kv head from all of its chunks, by a group.
template <class Group>
GPU_FN void merge_chunks(Group group, AttentionArgs args, uint32_t token, uint32_t kv_head) {
  wait_for_inputs();
  let_next_start();
  const uint32_t chunks = chunks_of(at<const BatchToken>(args.list)[token]);
  if (chunks > 1) merge_partials(group, args, token, kv_head, chunks);
}

/// merge_partials by whichever group is the last to leave a partial result of the token and kv head.
/// counters: [tokens][kv_heads], 0 before and after; the group's
///   bool last_to_come(GPU_DEVICE uint32_t* counter, uint32_t groups)
/// tells all threads of one of so many groups, the last, and then lets them see what the others wrote.
template <class Group>
GPU_FN void merge_by_last(Group group, AttentionArgs args, GPU_DEVICE uint32_t* counters, uint32_t token,
                          uint32_t kv_head, uint32_t chunks) {
  if (chunks > 1 && group.last_to_come(counters + token * args.kv_heads + kv_head, chunks))
    merge_partials(group, args, token, kv_head, chunks);
}

/// attend_chunk and merge_chunks in one launch.
template <KvType type, uint32_t HeadDim, class Group, class Heads>
GPU_FN void attend_and_merge(Group group, Heads heads, GPU_DEVICE uint32_t* counters, uint32_t token,
                             uint32_t kv_head, uint32_t chunk, GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  const BatchToken of = at<const BatchToken>(heads.args.list)[token];
  const uint32_t chunks = chunks_of(of);
  if (chunk >= chunks) return;
  attend_positions<type, HeadDim>(group, heads, of, token, kv_head, chunk, shared);
  merge_by_last(group, heads.args, counters, token, kv_head, chunks);
}

}  // namespace gpu
}  // namespace openelm
