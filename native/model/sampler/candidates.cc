#include "model/sampler/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/sampler/vector_math.h"

namespace openelm {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr int kSteps = 24;     // of halving
constexpr size_t kSparse = 8;  // gathered once at most one of this many is left

/// So many of n candidates are sorted rather than divided once more: that takes about as long.
size_t sorted_band(size_t n) {
  return std::max<size_t>(16, n / 256);
}

}  // namespace

Candidates::Candidates() : loops_(vocabulary_loops()) {}

void Candidates::assign(std::span<const float> logits) {
  logits_ = logits;
  max_ = loops_.max_value(logits.data(), logits.size());
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
  max_ = loops_.max_value(logits_.data(), logits_.size());
}

bool Candidates::empty() const {
  return max_ == -kInfinity;
}

/// The shortest row of candidates, largest key first, whose weights reach `target`: at least one, all above
/// -infinity if their weights do not. A null pointer stands for weights of 1. `best` is the largest key.
Candidates::Cut Candidates::select(std::span<const float> keys, float best, const float* weights,
                                   double target) {
  const auto tally = [&](float floor) -> Tally {
    if (weights) return loops_.tally_from(keys.data(), weights, keys.size(), floor);
    const size_t count = loops_.count_from(keys.data(), keys.size(), floor);
    return {static_cast<double>(count), count};
  };
  // The last one's key is in [low, high): what is above does not suffice. From the largest key down, the band
  // widens until it holds that key; then it is halved until few are in it.
  float low = kLowest;
  float high = std::nextafter(best, kInfinity);
  Tally from_low{0, keys.size()}, from_high{0, 0};
  const size_t band = sorted_band(keys.size());
  const bool many = keys.size() > band;
  for (float reach = 4; many && best - reach > kLowest; reach *= 2) {
    const Tally wider = tally(best - reach);
    if (wider.weight >= target) {
      low = best - reach;
      from_low = wider;
      break;
    }
    high = best - reach;
    from_high = wider;
  }
  if (many && low == kLowest) from_low.count = loops_.count_from(keys.data(), keys.size(), low);
  for (int step = 0; many && step < kSteps; ++step) {  // equal keys cannot be divided
    if (from_low.count - from_high.count <= band) break;
    const float middle = low / 2 + high / 2;
    if (!(middle > low && middle < high)) break;
    const Tally half = tally(middle);
    if (half.weight >= target) {
      low = middle;
      from_low = half;
    } else {
      high = middle;
      from_high = half;
    }
  }
  collect(keys, low, high);
  double reached = from_high.weight;
  size_t count = 0;
  while (count < order_.size() && (count + from_high.count == 0 || reached < target)) {
    reached += weights ? weights[order_[count].index] : 1.0;
    ++count;
  }
  // None is left of the band only if rounding summed it differently: all above it are kept then.
  if (count == 0) return {high, keys.size(), from_high.count};
  return {order_[count - 1].key, order_[count - 1].index, from_high.count + count};
}

/// The indices of the keys in [low, high), in order.
std::span<const uint32_t> Candidates::find(std::span<const float> keys, float low, float high) {
  found_.resize(std::max(found_.size(), keys.size()));
  return {found_.data(), loops_.find_within(keys.data(), keys.size(), low, high, found_.data())};
}

/// Fills order_ with the candidates whose key is in [low, high), largest first.
void Candidates::collect(std::span<const float> keys, float low, float high) {
  order_.clear();
  for (const uint32_t i : find(keys, low, high)) order_.push_back({keys[i], i});
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
  loops_.mask_below(keys.data(), ties, cut.key, logits_.data(), own_.data());
  loops_.mask_below(keys.data() + ties, keys.size() - ties, above, logits_.data() + ties, own_.data() + ties);
  logits_ = own_;
}

/// May run in place, even over the keys: where a candidate goes has been read before.
void Candidates::gather(std::span<const float> keys, const Cut& cut) {
  const bool all = ids_.empty();
  const std::span<const uint32_t> found = find(keys, cut.key, kInfinity);
  if (all) ids_.resize(found.size());
  if (logits_.data() != own_.data()) own_.resize(std::max(own_.size(), found.size()));
  size_t count = 0;
  for (const uint32_t i : found) {
    if (keys[i] == cut.key && i > cut.last) continue;
    ids_[count] = all ? static_cast<int32_t>(i) : ids_[i];
    own_[count++] = logits_[i];
  }
  ids_.resize(count);
  logits_ = {own_.data(), count};
}

void Candidates::keep_top_k(size_t k) {
  if (k < logits_.size()) keep(logits_, select(logits_, max_, nullptr, static_cast<double>(k)));
}

void Candidates::keep_typical(float p) {
  weights_.resize(logits_.size());
  keys_.resize(logits_.size());
  const size_t size = logits_.size();
  const double total = loops_.exp_sum(logits_.data(), size, max_, 1.0f, weights_.data());
  // The surprise of a token is log(total) - (logit - max); log(total) cancels in its distance from the mean.
  const double mean = loops_.weighted_sum(logits_.data(), weights_.data(), size, max_) / total;
  loops_.nearness(logits_.data(), size, max_, static_cast<float>(mean), keys_.data());
  const float nearest = loops_.max_value(keys_.data(), size);
  keep(keys_, select(keys_, nearest, weights_.data(), p * total));
  max_ = loops_.max_value(logits_.data(), logits_.size());
}

void Candidates::keep_top_p(float p) {
  weights_.resize(logits_.size());
  const double total = loops_.exp_sum(logits_.data(), logits_.size(), max_, 1.0f, weights_.data());
  keep(logits_, select(logits_, max_, weights_.data(), p * total));
}

void Candidates::keep_min_p(float p) {
  const float least = std::max(max_ + std::log(std::min(p, 1.0f)), kLowest);
  const size_t kept = loops_.count_from(logits_.data(), logits_.size(), least);
  keep(logits_, {least, logits_.size(), kept});
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
    sums_.push_back(loops_.exp_sum(block.data(), block.size(), max_, scale, weights_.data() + i));
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
