#pragma once

#include <span>
#include <vector>

#include "model/grammar/constraint.h"
#include "model/session.h"

namespace openelm {

/// What the next token of a session is chosen from: all logits, or only the best where that is all the
/// chooser looks at and a GPU picks them, which spares bringing a vocabulary of logits from there.
class NextLogits {
 public:
  NextLogits(Session& session, const TokenChooser& chooser);

  /// Appends ids to the session (Session::evaluate). `more`: another token is wanted after the next one.
  Status evaluate(std::span<const int32_t> ids, bool more);

  /// The chooser's next token, from what was evaluated.
  int32_t choose(TokenChooser& chooser) const;

 private:
  Session& session_;
  const size_t best_;          // so many of them; 0: all logits
  std::vector<float> logits_;  // [vocab_size], or none
};

}  // namespace openelm
