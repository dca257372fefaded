#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/batch/sequence.h"
#include "model/kv_cache.h"

namespace openelm {

/// Room for one sequence: its kv cache, which stays filled when the sequence ends so that a later one with
/// the same beginning need not evaluate it again.
struct Slot {
  std::unique_ptr<KvCache> kv;
  std::vector<int32_t> tokens;  // whose keys and values are in the cache
  size_t prompt = 0;            // length of the prompt that the tokens begin with, or began to be
  uint64_t last_used = 0;       // when a sequence was last put here
  std::unique_ptr<Sequence> sequence;

  bool free() const noexcept { return sequence == nullptr; }
  /// Whether the sequence has prompt tokens left to evaluate.
  bool prefilling() const noexcept { return sequence && tokens.size() < prompt; }

  /// How many tokens at the beginning of a prompt are here, evaluated as a part of a prompt; at least one of
  /// the prompt's is left over.
  size_t common_prefix(std::span<const int32_t> ids) const noexcept;
};

}  // namespace openelm
