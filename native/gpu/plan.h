#pragma once

// From segments to passes. A pass uses kernels for few tokens or for many: a batch with both kinds is run as
// two, so that the results of a sequence do not depend on its company.

#include <vector>

#include "gpu/segment.h"
#include "gpu/types.h"

namespace openelm::gpu {

/// Consecutive rows, of a batch or of its logits.
struct Rows {
  size_t begin, count;
};

/// Tokens that go through a layer together.
struct TokenPlan {
  bool few = true;  // kernels for few tokens; every token attends by itself
  std::vector<BatchToken> list;
  std::vector<AttentionTile> tiles;  // else, in tiles

  /// Whether no two tokens share a cache; for a few.
  bool apart() const;
};

struct PassPlan {
  TokenPlan tokens;
  std::vector<int32_t> ids;
  std::vector<Rows> rows;  // of the batch, that are the tokens here
  /// In the last layer, once the keys and values of all are stored, only some tokens stay: rows of this pass.
  bool shrinks = false;
  std::vector<Rows> kept;
  TokenPlan kept_tokens;
  std::vector<Rows> logits;  // where their logits go, in rows of the batch's
  uint32_t max_positions = 0, max_n_ctx = 0;
  uint32_t kv_type = 0;

  size_t size() const noexcept { return ids.size(); }
  /// The tokens whose logits are wanted.
  size_t wanted() const noexcept { return shrinks ? kept_tokens.list.size() : ids.size(); }
};

/// What the device counts as few tokens and how many of a sequence it attends to in one tile.
struct PlanLimits {
  size_t small_batch, attention_tile;
};

/// The passes of a batch, at most two, none empty.
std::vector<PassPlan> plan_passes(std::span<const Segment> segments, const PlanLimits& limits);

}  // namespace openelm::gpu
