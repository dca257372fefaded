#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/types.h"
#include "model/sampler/candidates.h"
#include "model/sampler/random.h"
#include "model/sampler/sampling_params.h"
#include "model/sampler/token_history.h"

namespace openelm {

/// Chooses tokens from logits. One sampler serves one sequence; it is not shared between threads.
///
/// The order is that of llama.cpp's default chain, so that settings found there mean the same here:
/// logit bias, penalties, top_k, typical_p, top_p, min_p, temperature, draw. Filters thus look at the
/// distribution before temperature (Hugging Face's come after it), and temperature 0 takes the best token
/// after bias and penalties. One uniform number is drawn per token that is not greedy.
class Sampler {
 public:
  explicit Sampler(const SamplingParams& params);

  /// Adds a token of the prompt or a chosen one to the history that the penalties look at.
  void accept(int32_t id);

  /// The next token, always an index of `logits` (-1 only when there are none), whatever NaN or infinity they
  /// hold. It is not accepted yet. `logits` are left as they are.
  int32_t sample(std::span<const float> logits);

  /// How many of the best logits decide: sample_best() does with them what sample() does with all. 0: all do.
  size_t best_needed() const;
  /// `best`: the best logits, largest first, smaller id first among equals; ids of -1 behind the last.
  int32_t sample_best(std::span<const gpu::Candidate> best);

 private:
  int32_t draw();
  bool penalizes() const;
  std::span<const float> adjusted(std::span<const float> logits);

  const SamplingParams params_;
  TokenHistory history_;
  Random random_;
  Candidates candidates_;
  std::vector<float> logits_;
};

}  // namespace openelm
