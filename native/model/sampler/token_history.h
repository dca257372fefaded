#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace openelm {

struct SamplingParams;

/// How often each token occurs among the last n: what the penalties look at.
class TokenHistory {
 public:
  /// `last_n` -1: all tokens; 0: none.
  explicit TokenHistory(int32_t last_n) : last_n_(last_n) {}

  void accept(int32_t id);

  /// Penalizes the logits of tokens in the window: l > 0 ? l / repeat : l · repeat (Keskar et al. 2019, as
  /// llama.cpp and Hugging Face apply it), then l - count · frequency - presence (OpenAI's definition).
  void penalize(const SamplingParams& params, std::span<float> logits) const;

 private:
  const int32_t last_n_;
  std::vector<int32_t> window_;  // ring of the last n; unused where all tokens count
  size_t oldest_ = 0;
  std::unordered_map<int32_t, int32_t> counts_;
};

}  // namespace openelm
