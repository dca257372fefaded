#include "model/sampler/sampler.h"

#include <algorithm>

#include "model/sampler/vector_math.h"

namespace openelm {

Sampler::Sampler(const SamplingParams& params)
    : params_(params), history_(penalizes() ? params.penalty_last_n : 0), random_(params.seed) {}

void Sampler::accept(int32_t id) {
  history_.accept(id);
}

int32_t Sampler::sample(std::span<const float> logits) {
  if (logits.empty()) return -1;
  const bool greedy = !(params_.temperature > 0);
  if (greedy && !penalizes() && params_.logit_bias.empty()) return argmax(logits);
  const std::span<const float> values = adjusted(logits);
  if (greedy) return argmax(values);

  candidates_.assign(values);
  return draw();
}

size_t Sampler::best_needed() const {
  if (penalizes() || !params_.logit_bias.empty()) return 0;
  if (!(params_.temperature > 0)) return 1;
  return params_.top_k > 0 ? static_cast<size_t>(params_.top_k) : 0;
}

int32_t Sampler::sample_best(std::span<const gpu::Candidate> best) {
  if (best.empty()) return -1;
  if (!(params_.temperature > 0)) return std::max(best[0].id, 0);
  candidates_.assign_best(best);
  return draw();
}

/// Filters the candidates and draws one of them.
int32_t Sampler::draw() {
  const double uniform = random_.uniform();
  if (candidates_.empty()) return 0;
  if (params_.top_k > 0) candidates_.keep_top_k(static_cast<size_t>(params_.top_k));
  if (params_.typical_p < 1) candidates_.keep_typical(params_.typical_p);
  if (params_.top_p < 1) candidates_.keep_top_p(params_.top_p);
  if (params_.min_p > 0) candidates_.keep_min_p(params_.min_p);
  return candidates_.draw(params_.temperature, uniform);
}

bool Sampler::penalizes() const {
  return params_.penalty_last_n != 0 &&
         (params_.repeat_penalty != 1 || params_.frequency_penalty != 0 || params_.presence_penalty != 0);
}

/// The logits with bias and penalties, in an order that comparisons can rely on; copied only if they change.
std::span<const float> Sampler::adjusted(std::span<const float> logits) {
  const bool changes = penalizes() || !params_.logit_bias.empty();
  if (!changes && ordered(logits)) return logits;
  logits_.assign(logits.begin(), logits.end());
  for (const LogitBias& entry : params_.logit_bias) {
    if (entry.token >= 0 && static_cast<size_t>(entry.token) < logits_.size()) {
      logits_[entry.token] += entry.bias;
    }
  }
  if (penalizes()) history_.penalize(params_, logits_);
  if (!ordered(logits_)) make_ordered(logits_);
  return logits_;
}

}  // namespace openelm
