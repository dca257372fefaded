#include "model/sampler/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/sampler/vector_math.h"

namespace openelm {

namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();
constexpr size_t kHeapK = 512;  // up to here a heap beats selection over all tokens

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  ids_.clear();
  logits_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kBanned) continue;
    ids_.push_back(static_cast<int32_t>(i));
    logits_.push_back(logits[i]);
  }
}

void Candidates::assign_top_k(std::span<const float> logits, size_t k) {
  const auto better = [](const Entry& a, const Entry& b) {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
  };
  order_.clear();
  k = std::min(k, logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    const Entry entry = {logits[i], static_cast<uint32_t>(i)};
    if (k > kHeapK || order_.size() < k) {
      if (entry.key == kBanned) continue;
      order_.push_back(entry);
      if (k <= kHeapK) std::push_heap(order_.begin(), order_.end(), better);
    } else if (entry.key > order_.front().key) {  // front: the worst of those kept
      std::pop_heap(order_.begin(), order_.end(), better);
      order_.back() = entry;
      std::push_heap(order_.begin(), order_.end(), better);
    }
  }
  if (k < order_.size()) {
    std::nth_element(order_.begin(), order_.begin() + static_cast<ptrdiff_t>(k), order_.end(), better);
    order_.resize(k);
  }
  std::sort(order_.begin(), order_.end(), better);
  ids_.resize(order_.size());
  logits_.resize(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    ids_[i] = static_cast<int32_t>(order_[i].index);
    logits_[i] = order_[i].key;
  }
}

/// Fills probs_.
void Candidates::softmax() {
  probs_.resize(logits_.size());
  const float max = max_value(logits_);
  const auto norm = static_cast<float>(1.0 / exp_sum(logits_, max, 1.0f, probs_.data()));
  for (float& prob : probs_) prob *= norm;
}

/// Sorts order_ by key, largest first, only as far as probabilities are needed to reach p, and keeps those.
void Candidates::sort_until(float p) {
  const auto better = [&](const Entry& a, const Entry& b) {
    return a.key > b.key || (a.key == b.key && ids_[a.index] < ids_[b.index]);
  };
  double sum = 0;
  size_t sorted = 0;
  for (size_t chunk = 64; sorted < order_.size(); chunk *= 4) {
    const size_t end = std::min(sorted + chunk, order_.size());
    const auto from = order_.begin() + static_cast<ptrdiff_t>(sorted);
    const auto to = order_.begin() + static_cast<ptrdiff_t>(end);
    if (to != order_.end()) std::nth_element(from, to, order_.end(), better);
    std::sort(from, to, better);
    for (; sorted < end; ++sorted) {
      sum += probs_[order_[sorted].index];
      if (sum >= p) return keep_entries(sorted + 1);
    }
  }
  keep_entries(order_.size());
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
  softmax();
  double entropy = 0;
  for (const float prob : probs_) {
    if (prob > 0) entropy -= prob * std::log(static_cast<double>(prob));
  }
  order_.clear();
  for (size_t i = 0; i < probs_.size(); ++i) {
    if (probs_[i] <= 0) continue;
    const double surprise = -std::log(static_cast<double>(probs_[i]));
    order_.push_back({static_cast<float>(-std::abs(surprise - entropy)), static_cast<uint32_t>(i)});
  }
  sort_until(p);
}

void Candidates::keep_top_p(float p) {
  p = std::max(p, 0.0f);
  softmax();
  // Tokens below (1 - p) / n have less than 1 - p together, so the nucleus lies in the rest.
  const float floor = std::max(0.0f, (1.0f - p) / static_cast<float>(probs_.size()) * 0.999f);
  order_.clear();
  for (size_t i = 0; i < probs_.size(); ++i) {
    if (probs_[i] >= floor) order_.push_back({probs_[i], static_cast<uint32_t>(i)});
  }
  sort_until(p);
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
  const double sum = exp_sum(logits_, max_value(logits_), scale, probs_.data());
  double rest = uniform * sum;
  size_t last = 0;
  for (size_t i = 0; i < probs_.size(); ++i) {
    if (probs_[i] <= 0) continue;
    last = i;  // rounding may leave a rest after the last one
    rest -= probs_[i];
    if (rest < 0) break;
  }
  return ids_[last];
}

}  // namespace openelm
