#include "model/sampler/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/sampler/vector_math.h"

namespace openelm {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr size_t kBand = 256;    // candidates that are sorted rather than divided once more
constexpr size_t kSparse = 8;    // gathered once at most one of this many is left
constexpr size_t kStretch = 64;  // the loops that look for rare candidates pass over this many at once

bool any_from(const float* keys, float floor) {
  uint32_t found = 0;
  for (size_t j = 0; j < kStretch; ++j) found |= keys[j] >= floor ? 1u : 0u;
  return found != 0;
}

/// Calls visit(i) for the keys that are at least `floor`, in order.
template <class Visit>
void for_each_from(std::span<const float> keys, float floor, const Visit& visit) {
  for (size_t begin = 0; begin < keys.size(); begin += kStretch) {
    const size_t end = std::min(begin + kStretch, keys.size());
    if (end - begin == kStretch && !any_from(keys.data() + begin, floor)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (keys[i] >= floor) visit(i);
    }
  }
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  logits_ = logits;
  max_ = max_value(logits);
  ids_.clear();
}

bool Candidates::empty() const {
  return max_ == -kInfinity;
}

/// The shortest row of candidates, largest key first, whose weights reach `target`: at least one, all above
/// -infinity if their weights do not. A null pointer stands for weights of 1.
Candidates::Cut Candidates::select(std::span<const float> keys, const float* weights, double target) {
  // The last one's key is in [low, high): what is above does not suffice. From the largest key down, the band
  // widens until it holds that key; then it is halved until few are in it.
  const float best = max_value(keys);
  float low = kLowest;
  float high = std::nextafter(best, kInfinity);
  Tail above;
  size_t band = keys.size();
  for (float reach = 2; band > kBand && best - reach > kLowest; reach *= 4) {
    const Tail tail = tail_from(keys, weights, best - reach);
    if (tail.weight >= target) {
      low = best - reach;
      band = tail.count - above.count;
      break;
    }
    high = best - reach;
    above = tail;
    band = keys.size() - tail.count;
  }
  for (int step = 0; band > kBand && step < 32; ++step) {  // equal keys cannot be divided
    const float middle = low / 2 + high / 2;
    if (!(middle > low && middle < high)) break;
    const Tail tail = tail_from(keys, weights, middle);
    const size_t upper = tail.count - above.count;
    if (tail.weight >= target) {
      low = middle;
      band = upper;
    } else {
      high = middle;
      above = tail;
      band -= upper;
    }
  }
  collect(keys, low, high);
  double reached = above.weight;
  size_t count = 0;
  while (count < order_.size() && (count + above.count == 0 || reached < target)) {
    reached += weights ? weights[order_[count].index] : 1.0;
    ++count;
  }
  // None is left of the band only if rounding summed it differently: all above it are kept then.
  if (count == 0) return {high, keys.size(), above.count};
  return {order_[count - 1].key, order_[count - 1].index, above.count + count};
}

/// Fills order_ with the candidates whose key is in [low, high), largest first.
void Candidates::collect(std::span<const float> keys, float low, float high) {
  order_.clear();
  for_each_from(keys, low, [&](size_t i) {
    if (keys[i] < high) order_.push_back({keys[i], static_cast<uint32_t>(i)});
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

/// May run in place: where a candidate goes has been read before.
void Candidates::gather(std::span<const float> keys, const Cut& cut) {
  const bool all = ids_.empty();
  if (all) ids_.resize(cut.kept);
  if (logits_.data() != own_.data()) own_.resize(std::max(own_.size(), cut.kept));
  size_t count = 0;
  for_each_from(keys, cut.key, [&](size_t i) {
    if (keys[i] == cut.key && i > cut.last) return;
    ids_[count] = all ? static_cast<int32_t>(i) : ids_[i];
    own_[count++] = logits_[i];
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
  keep(logits_, {least, logits_.size(), tail_from(logits_, nullptr, least).count});
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
