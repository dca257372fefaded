#include "model/sampler/token_history.h"

#include "model/sampler/sampling_params.h"

namespace openelm {

void TokenHistory::accept(int32_t id) {
  if (last_n_ == 0) return;
  ++counts_[id];
  if (last_n_ < 0) return;
  if (window_.size() < static_cast<size_t>(last_n_)) {
    window_.push_back(id);
    return;
  }
  const auto leaving = counts_.find(window_[oldest_]);
  if (--leaving->second == 0) counts_.erase(leaving);
  window_[oldest_] = id;
  oldest_ = (oldest_ + 1) % window_.size();
}

void TokenHistory::penalize(const SamplingParams& params, std::span<float> logits) const {
  for (const auto& [id, count] : counts_) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
    float& logit = logits[id];
    logit = logit > 0 ? logit / params.repeat_penalty : logit * params.repeat_penalty;
    logit -= static_cast<float>(count) * params.frequency_penalty + params.presence_penalty;
  }
}

}  // namespace openelm
