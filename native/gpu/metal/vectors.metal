// Ops on rows: a group a token, or a thread an element.

#include "gpu/bodies/advance.h"
#include "gpu/bodies/embed.h"
#include "gpu/bodies/rms_norm.h"
#include "gpu/bodies/swiglu.h"
#include "gpu/bodies/top_k.h"
#include "gpu/metal/entry.h"

#define OPENELM_EMBED(type, Block)                 \
  OPENELM_ENTRY(openelm_embed_##type, EmbedArgs) { \
    OPENELM_BEGIN(EmbedArgs);                      \
    openelm::gpu::embed<Block>(group, args, at.x); \
  }

OPENELM_EACH_BLOCK(OPENELM_EMBED)

OPENELM_ENTRY(openelm_rms_norm, RmsNormArgs) {
  OPENELM_BEGIN(RmsNormArgs);
  openelm::gpu::rms_norm(group, args, at.x, OPENELM_SHARED(float));
}

OPENELM_ENTRY(openelm_swiglu, SwigluArgs) {
  const openelm::gpu::SwigluArgs args = given;
  const uint32_t i = at.x * threads.x + thread_index;
  if (i < args.count) openelm::gpu::swiglu(args, i);
}

OPENELM_ENTRY(openelm_advance, AdvanceArgs) {
  const openelm::gpu::AdvanceArgs args = given;
  const uint32_t token = at.x * threads.x + thread_index;
  if (token < args.n) openelm::gpu::advance(args, token);
}

// Grid: slices of the vocabulary, tokens.
OPENELM_ENTRY(openelm_top_k_slice, TopKArgs) {
  OPENELM_BEGIN(TopKArgs);
  openelm::gpu::top_k_slice(group, args, at.y, at.x, OPENELM_SHARED(uint64_t));
}

OPENELM_ENTRY(openelm_top_k_merge, TopKArgs) {
  OPENELM_BEGIN(TopKArgs);
  openelm::gpu::top_k_merge(group, args, at.x, OPENELM_SHARED(uint64_t));
}
