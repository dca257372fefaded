#pragma once

#include <memory>

#include "gpu/memory.h"

namespace openelm::gpu {

/// What a step's ops and their grids depend on.
struct StepShape {
  uint32_t tokens = 0;
  uint32_t kv_type = 0;
  uint32_t max_positions = 0;  // the context
  uint32_t best = 0;           // so many of the largest logits are chosen; 0: none
  bool advances = false;       // to the next token of each sequence
  bool apart = true;           // every token is of another sequence
  bool operator==(const StepShape&) const = default;
};

/// A pass of a few tokens that all attend by themselves and whose logits are all wanted: what decoding
/// consists of. Its input stays at one address, so that it can be recorded once and replayed for every token.
struct Step {
  StepShape shape;
  DeviceMemory input;  // BatchToken[tokens], then int32_t ids[tokens]
  std::unique_ptr<Device::Recording> recording;
  uint64_t addresses = 0;  // DeviceModel's when it was recorded
  bool seen = false;       // enqueued before: what comes twice is worth recording

  DevicePointer list() const { return input.at(); }
  DevicePointer ids() const { return input.at(shape.tokens * sizeof(BatchToken)); }
};

}  // namespace openelm::gpu
