#pragma once

// The groups of a chain on the host: all of them at once, each with threads, shared memory and slots of its
// own.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "gpu/bodies/weight_stream.h"
#include "gpu/chain.h"
#include "gpu/host/threads.h"

namespace openelm::gpu::host {

/// Slots of a group: few and small, so that they wrap around at every place; the largest row they have room
/// for is that of 2,560 columns in Q8_0.
inline constexpr uint32_t kHostSlots = 5, kHostSlotBytes = 2720;
/// Slots that a group's rows of an op fill.
inline constexpr uint32_t kHostFills = 512;

struct ChainGroup {
  ChainGroup(uint32_t teams, uint32_t team_size);

  Threads threads;
  std::vector<Words4> panel;
  std::vector<float> squares, totals;  // totals: [teams][kSlotRows]
  std::vector<ChainWeights> weights;
  ChainOp ops[2];
  std::vector<Words4> slots;
  float sums[kHostSlots][kSlotSums];
  FillPlace fills[kHostFills];
  std::atomic<uint32_t> filled[kHostSlots], read[kHostSlots];  // how often, and by how many teams in all
  uint32_t expected[kHostSlots] = {};                          // bytes of a slot that is being filled
  std::atomic<uint32_t> rows_filled;                           // how often keys and values were copied
  uint32_t rows_expected = 0;
};

/// What runs chains in place of ChainGroups, and what its groups have.
struct ChainRunner {
  ChainLimits limits;
  std::function<void(const ChainArgs& chain, KvType kv_type, uint32_t head_dim)> run;
};

class ChainGroups {
 public:
  /// parts: of a group in attention, and crews.
  ChainGroups(uint32_t groups, uint32_t teams, uint32_t team_size, uint32_t parts)
      : count_(groups), teams_(teams), team_size_(team_size), parts_(parts) {}
  /// All ops of the chain. head_dim: of its attention.
  void run(const ChainArgs& chain, KvType kv_type, uint32_t head_dim);

 private:
  uint32_t count_, teams_, team_size_, parts_;
  std::vector<std::unique_ptr<ChainGroup>> groups_;  // from the first chain on
};

}  // namespace openelm::gpu::host
