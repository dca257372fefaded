#pragma once

// Continuous batching (Yu et al., Orca, OSDI 2022): sequences share every pass through the weights, join
// between any two passes and leave as soon as they end. A step evaluates one token of each sequence that
// generates, and with what remains of its budget parts of the prompts of those that have just come.
//
// What a sequence says does not depend on its company, to the last bit:
//  - its kernels are chosen by its own number of tokens (Segment::kernel_tokens);
//  - prompts are cut only at multiples of the attention kernel's tile, and of n_batch as in a Session;
//  - only keys and values that came from a prompt are used again, in whole tiles, where the kernels were the
//  same.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "model/batch/slot.h"
#include "model/model.h"

namespace openelm {

struct BatchOptions {
  size_t slots = 4;  // sequences at a time
  size_t n_ctx = 0;  // tokens of each
  KvType kv_type = KvType::f16;
  size_t n_batch = 512;      // kernels for prompts are chosen for parts of so many tokens
  size_t step_tokens = 256;  // most tokens of a step; raised to what the slots and one tile need
};

/// The sequences of a model that run together. Used by one thread.
class Batch {
 public:
  static Result<std::unique_ptr<Batch>> create(std::shared_ptr<Model> model, const BatchOptions& options);

  /// Puts a sequence at the end of the line. Its prompt has at least one token and fits the context.
  void submit(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }

  /// Ends a sequence, waiting or running, as aborted. Unknown ids (it may have ended) are ignored.
  void cancel(uint64_t id);
  void cancel_all();

  bool idle() const noexcept { return waiting_.empty() && running() == 0; }

  /// Gives free slots to those who wait and evaluates one batch. Gives up soon after `stop` becomes true. A
  /// pass that fails ends all of its sequences with the error.
  void step(const std::atomic<bool>& stop);

  /// Bytes of all kv caches; taken from the system as positions are first written.
  size_t kv_bytes() const noexcept;

 private:
  Batch(std::shared_ptr<Model> model, const BatchOptions& options);

  size_t running() const noexcept;
  void admit();
  Slot* slot_for(std::span<const int32_t> ids, size_t& reused);
  size_t reusable(const Slot& slot, std::span<const int32_t> ids) const;
  void plan();
  void plan_prefill(size_t budget);
  void finish_pass();

  const std::shared_ptr<Model> model_;
  BatchOptions options_;
  const size_t tile_;
  std::vector<Slot> slots_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  uint64_t admissions_ = 0;

  // The pass.
  std::vector<Segment> segments_;
  std::vector<Slot*> members_;  // the slot of each segment
  std::vector<float> logits_;   // [slots][vocab_size]
};

}  // namespace openelm
