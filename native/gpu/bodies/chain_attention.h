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
GPU_FN void fetch_chunk(GPU_LOCAL Machine& machine, GPU_SHARED const AttentionArgs& args, BatchToken of,
                        uint32_t item) {
  const ChunkItem chunk(of, args.kv_heads, item);
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

/// The token's own key and value: finished, and stored in the cache and behind the earlier rows; and all
/// query heads of this part.
template <KvType type, class Part, class Machine>
GPU_FN void finish_chunk_heads(GPU_LOCAL const Machine& machine, Part part, FinishHeadsArgs args,
                               BatchToken of, ChunkItem chunk, bool stores, uint32_t head, uint32_t heads,
                               GPU_SHARED float* vectors) {
  const auto team = part.team();
  const uint32_t head_dim = args.head_dim, before = stores ? 2 : 0;
  GPU_DEVICE const float* x = at<const float>(args.qkv);
  for (uint32_t i = part.team_index(); i < before + heads; i += part.teams()) {
    const bool is_row = i < before;
    const uint32_t vector = is_row ? args.heads + i * args.kv_heads + chunk.kv_head : head + i - before;
    GPU_SHARED float* out = vectors + (is_row ? heads + i : i - before) * head_dim;
    finish_vector(team, args, of.position, vector, x + vector * head_dim, out);
    if (!is_row) continue;
    store_vector<type>(team, args, of, vector - args.heads, out);
    if (copies_rows(type))
      StoreRow<type>::run(team, out, head_dim,
                          machine.rows() + (i * kAttentionChunk + chunk.count - 1) * args.cache.row_bytes);
  }
}

/// Op number `op` by all groups: each takes chunks of a kv head, its parts the query heads. The first chunk
/// is on its way.
template <KvType type, uint32_t HeadDim, class Machine>
GPU_FN void chain_attention(GPU_LOCAL Machine& machine, uint32_t op, GPU_DEVICE uint32_t* counters,
                            BatchToken of, uint32_t part_bytes) {
  enum : uint32_t { kRowsUnderWay = copies_rows(type) ? 2 : 8 };
  const auto group = machine.group();
  const auto mine = machine.part();
  const AttentionArgs args = machine.op(op)->attention.attention;
  const ChunkShared<kPartQueries> shared(
      reinterpret_cast<GPU_SHARED float*>(machine.panel() + mine.index * part_bytes));
  const uint32_t per_kv = args.heads / args.kv_heads, chunks = chunks_of(of),
                 row_bytes = args.cache.row_bytes;
  const uint32_t items = chunks * args.kv_heads, step = machine.groups();
  GPU_NO_UNROLL
  for (uint32_t i = machine.index(); i < items; i += step) {
    const ChunkItem chunk(of, args.kv_heads, i);
    if (i != machine.index()) {
      group.barrier();
      if (group.lane() == 0) fetch_chunk<type>(machine, machine.op(op)->attention.attention, of, i);
    }
    const ChunkThread<type, HeadDim, kPartQueries, decltype(mine.part), kRowsUnderWay> slots(mine.part, args,
                                                                                             chunk.count);
    GPU_DEVICE const uint8_t* keys = machine.rows();
    GPU_DEVICE const uint8_t* values = keys + kAttentionChunk * row_bytes;
    if (!copies_rows(type)) {
      keys = kv_rows(of, args.cache, chunk.kv_head, 0) + uint64_t(chunk.begin) * row_bytes;
      values = kv_rows(of, args.cache, chunk.kv_head, 1) + uint64_t(chunk.begin) * row_bytes;
    }
    GPU_NO_UNROLL
    for (uint32_t first = 0; first < per_kv; first += kPartQueries * mine.count) {
      const uint32_t at_head = min_of(first + mine.index * kPartQueries, per_kv);
      const uint32_t head = chunk.kv_head * per_kv + at_head, heads = min_of(per_kv - at_head, kPartQueries);
      if (first > 0) group.barrier();  // sums may still be read
      finish_chunk_heads<type>(machine, mine.part, machine.op(op)->attention.heads, of, chunk,
                               chunk.last && first == 0 && mine.index == 0, head, heads, shared.sums);
      if (copies_rows(type) && first == 0) machine.wait_rows();
      group.barrier();
      attend_queries(group, mine.part, slots, args, 0, head, heads, chunk.chunk, chunks == 1,
                     QueriesInShared{shared.sums}, keys, values, shared);
    }
    merge_by_last(group, args, counters, 0, chunk.kv_head, chunks);
  }
}

}  // namespace gpu
}  // namespace openelm
