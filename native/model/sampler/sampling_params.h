#pragma once

#include <cstdint>
#include <vector>

namespace openelm {

struct LogitBias {
  int32_t token;
  float bias;  // added to the logit; -infinity bans the token
};

/// How the next token is chosen. The defaults change nothing: they sample from the model's own distribution.
struct SamplingParams {
  float temperature = 1.0f;  // 0 or less: greedy
  int32_t top_k = 0;         // 0 or less: off
  float top_p = 1.0f;        // 1 or more: off
  float min_p = 0.0f;        // 0 or less: off
  float typical_p = 1.0f;    // 1 or more: off
  float repeat_penalty = 1.0f;
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  int32_t penalty_last_n = 64;  // tokens that the penalties look back; -1: all, 0: penalties off
  uint64_t seed = 0;
  std::vector<LogitBias> logit_bias;
};

}  // namespace openelm
