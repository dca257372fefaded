#pragma once

// Attention within a chain, with the bits of attend_and_merge of FreshHeads. A chunk's earlier keys and
// values are on their way to shared memory while groups still meet, where the cache's rows are aligned to 16
// bytes; the token's own are put there as they are finished.

#include "gpu/bodies/attention.h"
#include "gpu/bodies/chain_ops.h"

namespace openelm {
namespace gpu {

/// Query heads of a part at a time.
GPU_CONSTANT uint32_t kPartQueries = 1;

/// Whether rows of the cache can be copied.
GPU_BOTH constexpr bool copies_rows(KvType type) {
  return type != KvType::q8_0;
}

/// Shared memory for a chunk's keys and values.
GPU_BOTH uint32_t chunk_rows_bytes(KvType type, uint32_t row_bytes) {
  return copies_rows(type) ? 2 * kAttentionChunk * row_bytes : 0;
}

/// A chunk of a kv head.
struct ChunkItem {
  uint32_t kv_head, chunk, begin, count;  // positions, the token's own included
  bool last;

  GPU_FN ChunkItem(BatchToken of, uint32_t kv_heads, uint32_t item) {
    kv_head = item % kv_heads;
    chunk = item / kv_heads;
    begin = chunk * kAttentionChunk;
    count = min_of(of.position + 1 - begin, kAttentionChunk);
    last = chunk + 1 == chunks_of(of);
  }
  GPU_FN uint32_t earlier() const { return last ? count - 1 : count; }
};

/// By one thread: begins to copy a chunk's earlier keys and values to the machine's rows, or asks for them.
template <KvType type, class Machine>
GPU_FN void fetch_chunk(GPU_LOCAL Machine& machine, AttentionArgs args, BatchToken of, ChunkItem chunk) {
  const uint32_t row_bytes = args.cache.row_bytes, bytes = chunk.earlier() * row_bytes;
  if (copies_rows(type)) machine.expect_rows(2 * bytes);
  for (uint32_t part = 0; part < 2 && bytes > 0; ++part) {
    GPU_DEVICE const uint8_t* from =
        kv_rows(of, args.cache, chunk.kv_head, part) + uint64_t(chunk.begin) * row_bytes;
    if (copies_rows(type))
      machine.copy_rows(part * kAttentionChunk * row_bytes, from, bytes);
    else
      prefetch_run(from, bytes);
  }
}

/// Finishes a part's heads, to `vectors`: of a token's last chunk the key and the value, by the first part,
/// and query heads; stores key and value in the cache and behind the earlier rows. loaded: the factors of the
/// team's first.
template <KvType type, class Part, class Machine>
GPU_FN void finish_part_heads(GPU_LOCAL const Machine& machine, Part part, FinishHeadsArgs args,
                              BatchToken of, ChunkItem chunk, FreshVectors heads,
                              GPU_LOCAL HeadOfTeam& of_team, bool loaded, GPU_SHARED float* vectors) {
  const auto team = part.team();
  const uint32_t head_dim = args.head_dim, first = part.team_index();
  for (uint32_t i = first; i < heads.count(); i += part.teams()) {
    const uint32_t number = heads.number(i);
    GPU_DEVICE const float* x = at<const float>(args.qkv) + number * head_dim;
    GPU_SHARED float* out = vectors + heads.place(i) * head_dim;
    finish_vector(team, args, of.position, number, x, out, of_team, loaded && i == first);
    if (!heads.is_row(i)) continue;
    store_vector<type>(team, args, of, number - args.heads, out);
    if (copies_rows(type))
      StoreRow<type>::run(team, out, head_dim,
                          machine.rows() + (i * kAttentionChunk + chunk.count - 1) * args.cache.row_bytes);
  }
}

/// Op number `op` by all groups: each takes chunks of a kv head, its parts the query heads. What does not
/// need the op before is done before groups meet.
template <KvType type, uint32_t HeadDim, class Machine>
GPU_FN void chain_attention(GPU_LOCAL Machine& machine, uint32_t op, GPU_DEVICE uint32_t* counters,
                            BatchToken of, uint32_t part_bytes) {
  enum : uint32_t { kRowsUnderWay = copies_rows(type) ? 4 : 6 };
  const auto group = machine.group();
  const auto mine = machine.part();
  const auto team = mine.part.team();
  AttentionArgs args = machine.op(op)->attention.attention;
  FinishHeadsArgs finish = machine.op(op)->attention.heads;
  args.head_dim = finish.head_dim = HeadDim;
  const ChunkShared<kPartQueries> shared(
      reinterpret_cast<GPU_SHARED float*>(machine.panel() + mine.index * part_bytes));
  const uint32_t per_kv = args.heads / args.kv_heads, chunks = chunks_of(of),
                 row_bytes = args.cache.row_bytes;
  const uint32_t items = chunks * args.kv_heads, step = machine.groups();
  GPU_NO_UNROLL
  for (uint32_t i = machine.index(); i < items; i += step) {
    const bool waits = i == machine.index();  // for the op before
    const ChunkItem chunk(of, args.kv_heads, i);
    if (!waits) group.barrier();
    // The last thread: the first has others to wait for.
    if (group.lane() + 1 == group.size()) fetch_chunk<type>(machine, args, of, chunk);
    const ChunkThread<type, HeadDim, kPartQueries, decltype(mine.part), kRowsUnderWay> slots(mine.part, args,
                                                                                             chunk.count);
    GPU_DEVICE const uint8_t* keys = machine.rows();
    GPU_DEVICE const uint8_t* values = keys + kAttentionChunk * row_bytes;
    if (!copies_rows(type)) {
      keys = kv_rows(of, args.cache, chunk.kv_head, 0) + uint64_t(chunk.begin) * row_bytes;
      values = kv_rows(of, args.cache, chunk.kv_head, 1) + uint64_t(chunk.begin) * row_bytes;
    }
    const uint32_t at_first = min_of(mine.index * kPartQueries, per_kv);
    FreshVectors heads = {chunk.last && mine.index == 0 ? 2u : 0u,
                          chunk.kv_head * per_kv + at_first,
                          min_of(per_kv - at_first, kPartQueries),
                          chunk.kv_head,
                          args.heads,
                          args.kv_heads};
    HeadOfTeam of_team = {};
    const bool loads = HeadOfTeam::fits(team, HeadDim) && mine.part.team_index() < heads.count();
    if (loads)
      of_team.load_factors(team, HeadFactors(finish, of.position, heads.number(mine.part.team_index())));
    if (waits) machine.meet(op);
    GPU_NO_UNROLL
    for (uint32_t first = 0; first < per_kv; first += kPartQueries * mine.count) {
      if (first > 0) {
        const uint32_t at_head = min_of(first + mine.index * kPartQueries, per_kv);
        heads.rows = 0, heads.head = chunk.kv_head * per_kv + at_head;
        heads.heads = min_of(per_kv - at_head, kPartQueries);
        group.barrier();  // sums may still be read
      }
      finish_part_heads<type>(machine, mine.part, finish, of, chunk, heads, of_team, first == 0, shared.sums);
      if (copies_rows(type) && first == 0) machine.wait_rows();
      group.barrier();
      attend_queries(group, mine.part, slots, args, 0, heads.head, heads.heads, chunk.chunk, chunks == 1,
                     QueriesInShared{shared.sums}, keys, values, shared);
    }
    merge_by_last(group, args, counters, 0, chunk.kv_head, chunks);
  }
  if (machine.index() >= items) machine.meet(op);
}

}  // namespace gpu
}  // namespace openelm
