// Products for few tokens: the grid is one-dimensional, rows are shared out by the bodies.

#include "gpu/bodies/matvec.h"
#include "gpu/metal/entry.h"

#define OPENELM_MATVEC(type, Block, tokens)                                       \
  OPENELM_ENTRY(openelm_matvec_##type##_##tokens, MatvecArgs) {                   \
    OPENELM_BEGIN(MatvecArgs);                                                    \
    openelm::gpu::matvec<Block, tokens>(group, args, at.x, grid.x, shared);       \
  }                                                                               \
  OPENELM_ENTRY(openelm_gated_matvec_##type##_##tokens, GatedMatvecArgs) {        \
    OPENELM_BEGIN(GatedMatvecArgs);                                               \
    openelm::gpu::gated_matvec<Block, tokens>(group, args, at.x, grid.x, shared); \
  }

#define OPENELM_MATVECS(type, Block) \
  OPENELM_MATVEC(type, Block, 1)     \
  OPENELM_MATVEC(type, Block, 2)     \
  OPENELM_MATVEC(type, Block, 4)

OPENELM_EACH_BLOCK(OPENELM_MATVECS)
