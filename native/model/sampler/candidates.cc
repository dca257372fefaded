#include "model/sampler/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/sampler/vector_math.h"

namespace openelm {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr size_t kBand = 256;  // candidates that are sorted rather than divided once more
constexpr int kSteps = 24;     // of halving
constexpr int kStepsPerCount = 3;
constexpr size_t kSparse = 8;    // gathered once at most one of this many is left
constexpr size_t kStretch = 64;  // the loops that look for rare candidates pass over this many at once

/// Calls visit(i, inside) for keys in order, `inside` those in [low, high); stretches without any are left
/// out.
template <class Visit>
void for_each_within(std::span<const float> keys, float low, float high, const Visit& visit) {
  for (size_t begin = 0; begin < keys.size(); begin += kStretch) {
    const size_t end = std::min(begin + kStretch, keys.size());
    uint32_t found = 0;
    for (size_t i = begin; i < end; ++i) {
      found |= static_cast<uint32_t>(keys[i] >= low) & static_cast<uint32_t>(keys[i] < high);
    }
    if (found == 0) continue;
    for (size_t i = begin; i < end; ++i) visit(i, keys[i] >= low && keys[i] < high);
  }
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  logits_ = logits;
  max_ = max_value(logits);
  ids_.clear();
}

void Candidates::assign_best(std::span<const gpu::Candidate> best) {
  order_.clear();
  for (const gpu::Candidate& candidate : best)
    if (candidate.id >= 0 && candidate.logit > -kInfinity)
      order_.push_back({candidate.logit, static_cast<uint32_t>(candidate.id)});
  std::sort(order_.begin(), order_.end(), [](const Entry& a, const Entry& b) { return a.index < b.index; });
  own_.clear();
  ids_.clear();
  for (const Entry& entry : order_) {
    own_.push_back(entry.key);
    ids_.push_back(static_cast<int32_t>(entry.index));
  }
  make_ordered(own_);
  logits_ = own_;
  max_ = max_value(logits_);
}

bool Candidates::empty() const {
  return max_ == -kInfinity;
}

/// The shortest row of candidates, largest key first, whose weights reach `target`: at least one, all above
/// -infinity if their weights do not. A null pointer stands for weights of 1.
Candidates::Cut Candidates::select(std::span<const float> keys, const float* weights, double target) {
  const auto weight_of = [&](float floor) {
    return weights ? weight_from(keys, weights, floor) : static_cast<double>(count_from(keys, floor));
  };
  // The last one's key is in [low, high): what is above does not suffice. From the largest key down, the band
  // widens until it holds that key; then it is halved until few are in it.
  const float best = max_value(keys);
  float low = kLowest;
  float high = std::nextafter(best, kInfinity);
  double reached = 0;
  const bool many = keys.size() > kBand;
  for (float reach = 4; many && best - reach > kLowest; reach *= 2) {
    const double weight = weight_of(best - reach);
    if (weight >= target) {
      low = best - reach;
      break;
    }
    high = best - reach;
    reached = weight;
  }
  for (int step = 1; many && step <= kSteps; ++step) {  // equal keys cannot be divided
    const float middle = low / 2 + high / 2;
    if (!(middle > low && middle < high)) break;
    const double weight = weight_of(middle);
    if (weight >= target) {
      low = middle;
    } else {
      high = middle;
      reached = weight;
    }
    if (step % kStepsPerCount > 0) continue;
    if (count_from(keys, low) - count_from(keys, high) <= kBand) break;
  }
  const size_t above = count_from(keys, high);
  collect(keys, low, high);
  size_t count = 0;
  while (count < order_.size() && (count + above == 0 || reached < target)) {
    reached += weights ? weights[order_[count].index] : 1.0;
    ++count;
  }
  // None is left of the band only if rounding summed it differently: all above it are kept then.
  if (count == 0) return {high, keys.size(), above};
  return {order_[count - 1].key, order_[count - 1].index, above + count};
}

/// Fills order_ with the candidates whose key is in [low, high), largest first.
void Candidates::collect(std::span<const float> keys, float low, float high) {
  order_.clear();
  for_each_within(keys, low, high, [&](size_t i, bool inside) {
    if (inside) order_.push_back({keys[i], static_cast<uint32_t>(i)});
  });
  const auto better = [](const Entry& a, const Entry& b) {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
  };
  if (!std::is_sorted(order_.begin(), order_.end(), better)) std::sort(order_.begin(), order_.end(), better);
}

void Candidates::keep(std::span<const float> keys, const Cut& cut) {
  if (!ids_.empty() || cut.kept * kSparse <= keys.size()) return gather(keys, cut);
  own_.resize(keys.size());
  const size_t ties = std::min(cut.last + 1, keys.size());
  const float above = std::nextafter(cut.key, kInfinity);
  mask_below(keys.first(ties), cut.key, logits_.data(), own_.data());
  mask_below(keys.subspan(ties), above, logits_.data() + ties, own_.data() + ties);
  logits_ = own_;
}

/// May run in place: where a candidate goes has been read before. Every one is written and the next one takes
/// its place unless it is kept, which costs less than branches that nothing foretells.
void Candidates::gather(std::span<const float> keys, const Cut& cut) {
  const bool all = ids_.empty();
  if (all) ids_.resize(cut.kept + 1);
  if (logits_.data() != own_.data()) own_.resize(std::max(own_.size(), cut.kept + 1));
  size_t count = 0;
  for_each_within(keys, cut.key, kInfinity, [&](size_t i, bool inside) {
    const bool kept = inside && (keys[i] > cut.key || i <= cut.last);
    ids_[count] = all ? static_cast<int32_t>(i) : ids_[i];
    own_[count] = logits_[i];
    count += kept ? 1 : 0;
  });
  ids_.resize(count);
  logits_ = {own_.data(), count};
}

void Candidates::keep_top_k(size_t k) {
  if (k < logits_.size()) keep(logits_, select(logits_, nullptr, static_cast<double>(k)));
}

void Candidates::keep_typical(float p) {
  weights_.resize(logits_.size());
  keys_.resize(logits_.size());
  const double total = exp_sum(logits_, max_, 1.0f, weights_.data());
  // The surprise of a token is log(total) - (logit - max); log(total) cancels in its distance from the mean.
  const auto mean = static_cast<float>(weighted_sum(logits_, max_, weights_.data()) / total);
  for (size_t i = 0; i < keys_.size(); ++i) keys_[i] = -std::abs((logits_[i] - max_) - mean);
  keep(keys_, select(keys_, weights_.data(), p * total));
  max_ = max_value(logits_);
}

void Candidates::keep_top_p(float p) {
  weights_.resize(logits_.size());
  const double total = exp_sum(logits_, max_, 1.0f, weights_.data());
  keep(logits_, select(logits_, weights_.data(), p * total));
}

void Candidates::keep_min_p(float p) {
  const float least = std::max(max_ + std::log(std::min(p, 1.0f)), kLowest);
  keep(logits_, {least, logits_.size(), count_from(logits_, least)});
}

int32_t Candidates::draw(float temperature, double uniform) {
  // Whole blocks are passed over by their sum; the walk inside one finds the token.
  constexpr size_t kBlock = 256;
  const float scale = std::min(1.0f / temperature, 1e30f);  // the best token's 0 · infinity would be NaN
  const size_t size = logits_.size();
  weights_.resize(size);
  sums_.clear();
  double total = 0;
  for (size_t i = 0; i < size; i += kBlock) {
    const std::span<const float> block = logits_.subspan(i, std::min(kBlock, size - i));
    sums_.push_back(exp_sum(block, max_, scale, weights_.data() + i));
    total += sums_.back();
  }
  double rest = uniform * total;
  size_t block = 0;
  while (block + 1 < sums_.size() && rest >= sums_[block]) rest -= sums_[block++];
  size_t drawn = size;
  for (size_t i = block * kBlock; i < size; ++i) {
    if (weights_[i] <= 0) continue;
    drawn = i;  // rounding may leave a rest after the last one
    rest -= weights_[i];
    if (rest < 0) break;
  }
  // Rounding also let the walk pass the last block that holds anything: the best token then.
  if (drawn == size) drawn = static_cast<size_t>(argmax(logits_));
  return ids_.empty() ? static_cast<int32_t>(drawn) : ids_[drawn];
}

}  // namespace openelm
