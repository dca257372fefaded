#pragma once

// Where attention of single tokens takes its queries from: from memory, where finish_heads left them, or from
// shared memory, where every group finishes those of its kv head for itself (FreshHeads). Then one launch
// does the work of two; the group with a token's last chunk stores its key and value first and reads them
// like all others, so the bits are the same. Other groups never read them, which is why all tokens of a
// launch have to be of different sequences.

#include "gpu/bodies/attention_chunk.h"
#include "gpu/bodies/finish_heads.h"

namespace openelm {
namespace gpu {

/// Some query heads of a token, one behind the other, in device memory.
struct QueriesInMemory {
  GPU_DEVICE const float* x;
  GPU_FN KvPiece<KvType::f32> load(uint32_t i) const {
    return KvPiece<KvType::f32>::load(reinterpret_cast<GPU_DEVICE const uint8_t*>(x), i);
  }
};
/// The same in shared memory.
struct QueriesInShared {
  GPU_SHARED const float* x;
  GPU_FN KvPiece<KvType::f32> load(uint32_t i) const {
    KvPiece<KvType::f32> piece;
    piece.words[0] = shared_16(x + i);
    piece.words[1] = shared_16(x + i + 4);
    return piece;
  }
};

/// What a group works on: a token's query heads [head, head + count), all of one kv head.
struct QueryHeads {
  uint32_t token, kv_head, head, count;
  bool stores;  // the token's key and value too
};

/// Queries that are finished.
struct FinishedHeads {
  AttentionArgs args;

  template <KvType type, class Group>
  GPU_FN QueriesInMemory queries(Group, BatchToken, QueryHeads of, GPU_SHARED float*) const {
    const uint64_t row = uint64_t(of.token) * (args.heads + 2 * args.kv_heads) + of.head;
    return QueriesInMemory{at<const float>(args.qkv) + row * args.head_dim};
  }
};

/// Heads of a kv head that are finished together: with `rows` = 2 the key and the value, and query heads
/// [head, head + heads).
struct FreshVectors {
  uint32_t rows, head, heads;
  uint32_t kv_head, query_heads, kv_heads;

  GPU_FN uint32_t count() const { return rows + heads; }
  GPU_FN bool is_row(uint32_t i) const { return i < rows; }
  /// Number i of them as HeadFactors counts. The key and the value come first: all wait for them.
  GPU_FN uint32_t number(uint32_t i) const {
    return is_row(i) ? query_heads + i * kv_heads + kv_head : head + i - rows;
  }
  /// Where it goes, query heads first.
  GPU_FN uint32_t place(uint32_t i) const { return is_row(i) ? heads + i : i - rows; }
};

/// Queries, and with a token's last chunk its key and value, that are not. shared: [kQueries + 2][head_dim].
struct FreshHeads {
  AttentionArgs args;
  FinishHeadsArgs finish;

  template <KvType type, class Group>
  GPU_FN QueriesInShared queries(Group group, BatchToken token, QueryHeads of,
                                 GPU_SHARED float* shared) const {
    const auto team = group.team();
    const uint32_t head_dim = args.head_dim;
    const FreshVectors which = {of.stores ? 2u : 0u, of.head,    of.count,
                                of.kv_head,          args.heads, args.kv_heads};
    GPU_DEVICE const float* x =
        at<const float>(args.qkv) + uint64_t(of.token) * (args.heads + 2 * args.kv_heads) * head_dim;
    for (uint32_t i = group.team_index(); i < which.count(); i += group.teams()) {
      const uint32_t head = which.number(i);
      GPU_SHARED float* out = shared + which.place(i) * head_dim;
      finish_vector(team, finish, token.position, head, x + head * head_dim, out);
      if (which.is_row(i)) store_vector<type>(team, finish, token, head - args.heads, out);
    }
    group.barrier();
    return QueriesInShared{shared};
  }
};

}  // namespace gpu
}  // namespace openelm
