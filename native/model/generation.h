#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/grammar/constraint.h"
#include "model/sampler/sampling_params.h"
#include "model/session.h"
#include "model/tokenizer/tokenizer.h"

namespace openelm {

enum class FinishReason { eos, stop, length, context, aborted };

struct GenerateRequest {
  std::vector<int32_t> ids;  // appended first; at least one
  SamplingParams sampling;
  size_t max_tokens = 0;
  std::vector<int32_t> stop_tokens;
  std::vector<std::string> stop_strings;
  bool special = false;  // control tokens appear as text
  /// What the text must be, if given; it then always is, within max_tokens, unless stop strings cut it.
  std::shared_ptr<const Grammar> grammar;
};

struct GenerateResult {
  FinishReason reason = FinishReason::length;
  std::optional<std::string> stop_string;
  std::vector<int32_t> tokens;  // generated, without the stop token
  size_t prompt_tokens = 0;     // evaluated by this call
  double prefill_seconds = 0, decode_seconds = 0, first_token_seconds = 0, sample_seconds = 0;
};

/// Receives text as it becomes certain: of one token, or of several where they come faster than is worth
/// handing over one by one (a hundred times a second); all of it before generate() returns.
using PieceSink = std::function<void(std::string text)>;

/// Why a text ended that its grammar ended: on its own, or in time for the limit.
inline FinishReason grammar_end(const TokenChooser& chooser) {
  return chooser.steered() ? FinishReason::length : FinishReason::eos;
}

/// Evaluates the request's ids and samples until a stop token, a stop string, max_tokens, the end of the
/// context or abort(). The history that penalties see is everything in the session. The last sampled token is
/// in the cache only if another one was sampled after it. Fails with grammar, before doing anything, when
/// max_tokens are too few for any text of the grammar.
Result<GenerateResult> generate(Session& session, const Tokenizer& tokenizer, const GenerateRequest& request,
                                const PieceSink& sink);

}  // namespace openelm
