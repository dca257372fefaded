#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/generation.h"
#include "model/tokenizer/text_stream.h"

namespace openelm {

/// Whom a sequence tells what becomes of it, from the thread that runs the batch: pieces in order, then
/// `done` exactly once.
struct SequenceSink {
  PieceSink piece;
  std::function<void(Result<GenerateResult>)> done;
};

/// One request of a batch on its way from prompt to text: sampler, stop matcher, what was generated.
class Sequence {
 public:
  /// The tokenizer must outlive it.
  Sequence(uint64_t id, GenerateRequest request, const Tokenizer& tokenizer, SequenceSink sink);

  uint64_t id() const noexcept { return id_; }
  const std::vector<int32_t>& prompt() const noexcept { return request_.ids; }
  /// Whether it can be answered at all: see TokenChooser::status().
  const Status& status() const noexcept { return chooser_.status(); }
  /// The token sampled last, to be evaluated next.
  const int32_t& token() const noexcept { return result_.tokens.back(); }

  /// It got a slot, whose cache holds `reused` tokens of its prompt.
  void admit(size_t reused);

  /// Samples from the logits of its last token. `full`: the context has no room for another. True when it
  /// goes on; otherwise it has ended and told so.
  bool advance(std::span<const float> logits, bool full);

  /// Ends it: with what it has, or with an error.
  void finish(FinishReason reason);
  void fail(const Status& status) { sink_.done(status); }

 private:
  using Clock = std::chrono::steady_clock;

  void deliver(std::string text);

  const uint64_t id_;
  GenerateRequest request_;
  const SequenceSink sink_;
  TokenChooser chooser_;
  TextStream text_;
  GenerateResult result_;
  const Clock::time_point submitted_;
  Clock::time_point admitted_, decoding_;
};

}  // namespace openelm
