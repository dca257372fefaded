#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/grammar/grammar.h"
#include "model/sampler/sampler.h"

namespace openelm {

/// Chooses the tokens of one sequence, which a grammar may constrain. With one, the text is always complete
/// in the end: a token is taken only if what is then left of the limit suffices for some completion. Near the
/// limit that leaves few choices, and at last only the shortest completion known.
class TokenChooser {
 public:
  /// Returned by next() instead of a token.
  static constexpr int32_t kFailed = -1, kEnd = -2;

  /// `grammar` may be null. `stop_tokens` end the text where the grammar lets it end; the span must outlive
  /// this.
  TokenChooser(const SamplingParams& sampling, std::shared_ptr<const Grammar> grammar, size_t max_tokens,
               std::span<const int32_t> stop_tokens);

  /// A token of the prompt, which penalties see.
  void accept_prompt(int32_t id) { sampler_.accept(id); }

  /// The next token, taken as chosen; kEnd where only the end is left to choose; kFailed after an error,
  /// which status() tells.
  int32_t next(std::span<const float> logits);

  /// How many of the best logits decide, when next_of_best() does; 0: all do. A grammar may refuse them.
  size_t best_needed() const { return grammar_ ? 0 : sampler_.best_needed(); }
  /// next() from the best logits alone (Sampler::sample_best).
  int32_t next_of_best(std::span<const gpu::Candidate> best);

  /// Whether the text is complete and nothing can follow.
  bool done() const { return matcher_ && matcher_->only_end(); }
  /// Whether the limit has decided about a token.
  bool steered() const noexcept { return steered_; }
  /// Code::grammar: not even the shortest text known has max_tokens tokens, or the grammar became too
  /// ambiguous.
  const Status& status() const noexcept { return status_; }

 private:
  enum class Taken { yes, refused, too_long };

  bool is_stop(int32_t id) const;
  Taken take(int32_t id);
  int32_t choose(std::span<const float> logits);
  int32_t follow_plan();
  bool fits(size_t tokens);
  void fail(std::string why);

  Sampler sampler_;
  const std::shared_ptr<const Grammar> grammar_;
  std::unique_ptr<Matcher> matcher_;
  size_t left_;  // tokens that may still be chosen
  std::span<const int32_t> stop_tokens_;
  std::vector<int32_t> plan_;  // a completion from here on; empty: to be found
  std::vector<float> masked_;
  bool steered_ = false;
  Status status_;
};

}  // namespace openelm
