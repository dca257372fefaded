#include "model/sampler/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/sampler/vector_math.h"

namespace openelm {

namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

/// A floor not far below the key of the last token wanted, so that few have to be sorted. `enough(floor)`
/// says whether those from a floor on suffice. Bisection of the best 32 nats to half a nat; -infinity if they
/// hold too few (what lies below has a probability under 1e-13 each, but may be asked for all the same).
template <class Enough>
float floor_for(float best, const Enough& enough) {
  float low = best - 32;
  float high = best;
  if (!enough(low)) return kBanned;
  for (int step = 0; step < 6; ++step) {
    const float middle = low + (high - low) / 2;
    (enough(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  ids_.resize(logits.size());
  logits_.resize(logits.size());
  size_t count = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    ids_[count] = static_cast<int32_t>(i);
    logits_[count] = logits[i];
    count += logits[i] == kBanned ? 0 : 1;
  }
  ids_.resize(count);
  logits_.resize(count);
}

void Candidates::keep_top_k(size_t k) {
  if (k >= ids_.size()) return;
  collect(logits_,
          floor_for(max_value(logits_), [&](float floor) { return count_from(logits_, floor) >= k; }));
  const auto end = order_.begin() + static_cast<ptrdiff_t>(std::min(k, order_.size()));
  if (end != order_.end()) std::nth_element(order_.begin(), end, order_.end(), better);
  std::sort(order_.begin(), end, better);
  keep_entries(static_cast<size_t>(end - order_.begin()));
}

/// Fills probs_.
void Candidates::softmax() {
  probs_.resize(logits_.size());
  const auto norm = static_cast<float>(1.0 / exp_sum(logits_, max_value(logits_), 1.0f, probs_.data()));
  for (float& prob : probs_) prob *= norm;
}

/// Fills order_ with the candidates whose key is at least `floor`, in no order yet.
void Candidates::collect(std::span<const float> keys, float floor) {
  order_.resize(keys.size());
  size_t count = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    order_[count] = {keys[i], static_cast<uint32_t>(i)};
    count += keys[i] >= floor ? 1 : 0;
  }
  order_.resize(count);
}

/// Keeps the candidates with the largest keys until their probabilities reach p, best first.
void Candidates::keep_best(std::span<const float> keys, float p) {
  constexpr float kRounding = 1e-4f;  // more than the order of summation can make out
  const auto enough = [&](float floor) { return weight_from(keys, probs_.data(), floor) >= p + kRounding; };
  collect(keys, floor_for(max_value(keys), enough));
  std::sort(order_.begin(), order_.end(), better);
  double reached = 0;
  size_t count = 0;
  while (count < order_.size() && (count == 0 || reached < p)) reached += probs_[order_[count++].index];
  keep_entries(count);
}

/// Keeps the candidates that the first entries of order_ name, in that order.
void Candidates::keep_entries(size_t count) {
  spare_ids_.resize(count);
  spare_logits_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    spare_ids_[i] = ids_[order_[i].index];
    spare_logits_[i] = logits_[order_[i].index];
  }
  ids_.swap(spare_ids_);
  logits_.swap(spare_logits_);
}

void Candidates::keep_typical(float p) {
  probs_.resize(logits_.size());
  const float max = max_value(logits_);
  const double total = exp_sum(logits_, max, 1.0f, probs_.data());
  const auto log_sum = static_cast<float>(std::log(total));
  const auto norm = static_cast<float>(1.0 / total);
  keys_.resize(logits_.size());
  double entropy = 0;
  for (size_t i = 0; i < keys_.size(); ++i) {
    probs_[i] *= norm;
    keys_[i] = log_sum - (logits_[i] - max);  // surprise, -log p
    if (probs_[i] > 0) entropy += probs_[i] * keys_[i];
  }
  for (float& key : keys_) key = -std::abs(key - static_cast<float>(entropy));
  keep_best(keys_, p);
}

void Candidates::keep_top_p(float p) {
  softmax();
  keep_best(logits_, p);
}

void Candidates::keep_min_p(float p) {
  const float least = max_value(logits_) + std::log(std::min(p, 1.0f));
  size_t kept = 0;
  for (size_t i = 0; i < ids_.size(); ++i) {
    if (!(logits_[i] >= least)) continue;
    ids_[kept] = ids_[i];
    logits_[kept++] = logits_[i];
  }
  ids_.resize(kept);
  logits_.resize(kept);
}

int32_t Candidates::draw(float temperature, double uniform) {
  probs_.resize(logits_.size());
  const float scale = std::min(1.0f / temperature, 1e30f);  // the best token's 0 · infinity would be NaN
  double rest = uniform * exp_sum(logits_, max_value(logits_), scale, probs_.data());
  size_t i = 0;
  // Whole blocks are skipped by their sum; the walk inside the last one finds the token.
  constexpr size_t kBlock = 64;
  for (; i + kBlock < probs_.size(); i += kBlock) {
    const double block = sum({probs_.data() + i, kBlock});
    if (rest < block) break;
    rest -= block;
  }
  size_t drawn = i;
  for (; i < probs_.size(); ++i) {
    if (probs_[i] <= 0) continue;
    drawn = i;  // rounding may leave a rest after the last one
    rest -= probs_[i];
    if (rest < 0) break;
  }
  return ids_[drawn];
}

}  // namespace openelm
