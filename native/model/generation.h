#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

/// Evaluates the request's ids and samples until a stop token, a stop string, max_tokens, the end of the
/// context or abort(). The history that penalties see is everything in the session. The last sampled token is
/// in the cache only if another one was sampled after it.
Result<GenerateResult> generate(Session& session, const Tokenizer& tokenizer, const GenerateRequest& request,
                                const PieceSink& sink);

}  // namespace openelm
