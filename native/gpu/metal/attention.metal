// Heads and attention. Head sizes of the models have kernels of their own; 0 is any other.

#include "gpu/bodies/attention.h"
#include "gpu/bodies/attention_tile.h"
#include "gpu/bodies/finish_heads.h"
#include "gpu/metal/entry.h"

// A team a vector.
#define OPENELM_FINISH_HEADS(type)                                                       \
  OPENELM_ENTRY(openelm_finish_heads_##type, FinishHeadsArgs) {                          \
    OPENELM_BEGIN(FinishHeadsArgs);                                                      \
    openelm::gpu::finish_heads<openelm::KvType::type>(group, args, at.x * group.teams(), \
                                                      OPENELM_SHARED(float));            \
  }

// Grid: chunks of positions, kv heads, tokens.
#define OPENELM_ATTEND_CHUNK(type, head_dim)                                                              \
  OPENELM_ENTRY(openelm_attend_chunk_##type##_##head_dim, AttentionArgs) {                                \
    OPENELM_BEGIN(AttentionArgs);                                                                         \
    openelm::gpu::attend_chunk<openelm::KvType::type, head_dim>(group, openelm::gpu::FinishedHeads{args}, \
                                                                at.z, at.y, at.x, OPENELM_SHARED(float)); \
  }                                                                                                       \
  OPENELM_ENTRY(openelm_attend_fresh_##type##_##head_dim, FreshAttentionArgs) {                           \
    OPENELM_BEGIN(FreshAttentionArgs);                                                                    \
    openelm::gpu::attend_chunk<openelm::KvType::type, head_dim>(                                          \
        group, openelm::gpu::FreshHeads{args.attention, args.heads}, at.z, at.y, at.x,                    \
        OPENELM_SHARED(float));                                                                           \
  }

// Grid: tiles, heads.
#define OPENELM_ATTEND_TILE(type)                                                                     \
  OPENELM_ENTRY(openelm_attend_tile_##type, AttentionArgs) {                                          \
    OPENELM_BEGIN(AttentionArgs);                                                                     \
    openelm::gpu::attend_tile<openelm::KvType::type>(group, args, at.x, at.y, OPENELM_SHARED(float)); \
  }

#define OPENELM_ATTENTION(type)   \
  OPENELM_FINISH_HEADS(type)      \
  OPENELM_ATTEND_CHUNK(type, 0)   \
  OPENELM_ATTEND_CHUNK(type, 64)  \
  OPENELM_ATTEND_CHUNK(type, 128) \
  OPENELM_ATTEND_TILE(type)

OPENELM_EACH_KV_TYPE(OPENELM_ATTENTION)

// Grid: kv heads, tokens.
OPENELM_ENTRY(openelm_merge_chunks, AttentionArgs) {
  OPENELM_BEGIN(AttentionArgs);
  openelm::gpu::merge_chunks(group, args, at.y, at.x);
}
