#pragma once

// What Metal's entry points and the host agree on beyond bodies/arguments.h.

#include "gpu/compat.h"

namespace openelm {
namespace gpu {

struct CopyArgs {
  uint64_t to, from;
  uint32_t units, unit_bytes;  // unit_bytes is 4 where everything is a multiple of it, else 1
};

// Products for many tokens (matmul.metal): a group's threads, its tile of [tokens][rows] and its threadgroup
// memory.
GPU_CONSTANT uint32_t kManyThreads = 128;
GPU_CONSTANT uint32_t kManyTile = 64;
GPU_CONSTANT uint32_t kManySharedBytes = kManyTile * kManyTile * 4;

}  // namespace gpu
}  // namespace openelm
