#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace openelm::gpu {

class GpuCache;

/// Consecutive tokens of one sequence, at positions first_pos onwards.
struct Segment {
  const GpuCache* cache;
  size_t first_pos;
  std::span<const int32_t> tokens;
  size_t logits;  // logits are wanted for this many of the last tokens
  /// Kernels are those for so many tokens, and for one from where the batch shrinks to the tokens whose
  /// logits are wanted. 0, for all segments of a batch: those for as many tokens as there are.
  size_t kernel_tokens;
};

}  // namespace openelm::gpu
