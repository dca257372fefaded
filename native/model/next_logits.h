#pragma once

#include <span>
#include <vector>

#include "model/sampler/sampler.h"
#include "model/session.h"

namespace openelm {

/// What the next token of a session is sampled from: all logits, or only the best where that is all the
/// sampler looks at and a GPU picks them, which spares bringing a vocabulary of logits from there.
class NextLogits {
 public:
  NextLogits(Session& session, const Sampler& sampler);

  /// Appends ids to the session (Session::evaluate). `more`: another token is wanted after the next one.
  Status evaluate(std::span<const int32_t> ids, bool more);

  /// The sampler's choice; -1 before anything was evaluated.
  int32_t sample(Sampler& sampler) const;

 private:
  Session& session_;
  const size_t best_;          // so many of them; 0: all logits
  std::vector<float> logits_;  // [vocab_size], or none
};

}  // namespace openelm
