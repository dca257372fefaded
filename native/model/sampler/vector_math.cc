#include "model/sampler/vector_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace openelm {

namespace {

// So many that compilers keep them as an array and vectorize the loop over it: of fewer they make scalars.
constexpr size_t kLanes = 64;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// value where the condition holds, else 0. As an integer mask: compilers make branches of conditional
/// floats, and then no lanes.
inline float only_if(bool condition, float value) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & (0u - static_cast<uint32_t>(condition)));
}

/// exp for x <= 0: 2^n · e^r with |r| <= ln2 / 2, e^r by its Taylor series to r^6 (remainder under 1.3e-7).
inline float exp_negative(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = x - n * kLn2High - n * kLn2Low;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;  // the bits above n fall out
  return only_if(x > -87.0f, p * std::bit_cast<float>(exponent));  // below, all of this was nonsense
}

/// Adds up the lanes, halves onto halves.
template <class Number>
Number sum_of(Number (&lanes)[kLanes]) {
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

/// Sum of term(0) to term(n - 1): lanes of floats over a short stretch, so that little is lost, then doubles.
template <class Term>
double sum(size_t n, const Term& term) {
  constexpr size_t kStretch = 1024;
  double total = 0;
  size_t i = 0;
  while (i + kLanes <= n) {
    float lanes[kLanes] = {};
    for (const size_t end = std::min(n, i + kStretch); i + kLanes <= end; i += kLanes) {
      for (size_t j = 0; j < kLanes; ++j) lanes[j] += term(i + j);
    }
    total += sum_of(lanes);
  }
  for (; i < n; ++i) total += term(i);
  return total;
}

}  // namespace

float max_value(std::span<const float> values) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -kInfinity;
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
  }
  float best = -kInfinity;
  for (const float lane : lanes) best = lane > best ? lane : best;
  for (; i < values.size(); ++i) best = values[i] > best ? values[i] : best;
  return best;
}

int32_t argmax(std::span<const float> values) {
  constexpr size_t kStretch = 1024;  // only the stretch with the largest value is read again
  float best = -kInfinity;
  size_t where = 0;
  for (size_t begin = 0; begin < values.size(); begin += kStretch) {
    const float here = max_value(values.subspan(begin, std::min(kStretch, values.size() - begin)));
    if (here > best) {
      best = here;
      where = begin;
    }
  }
  while (where < values.size() && values[where] != best) ++where;
  return where < values.size() ? static_cast<int32_t>(where) : 0;
}

bool ordered(std::span<const float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  uint32_t strange = 0;
  for (const float value : values) strange += value <= kLargest ? 0u : 1u;  // as a sum it may use lanes
  return strange == 0;
}

void make_ordered(std::span<float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (float& value : values) {
    const float number = value == value ? value : -kInfinity;
    value = number > kLargest ? kLargest : number;
  }
}

size_t count_from(std::span<const float> keys, float floor) {
  uint32_t lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= keys.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] += keys[i + j] >= floor ? 1u : 0u;
  }
  size_t count = sum_of(lanes);
  for (; i < keys.size(); ++i) count += keys[i] >= floor ? 1 : 0;
  return count;
}

double weight_from(std::span<const float> keys, const float* weights, float floor) {
  return sum(keys.size(), [=](size_t i) { return only_if(keys[i] >= floor, weights[i]); });
}

void mask_below(std::span<const float> keys, float floor, const float* values, float* out) {
  for (size_t i = 0; i < keys.size(); ++i) {
    const float value = values[i];
    out[i] = keys[i] >= floor ? value : -kInfinity;
  }
}

double exp_sum(std::span<const float> values, float max, float scale, float* out) {
  for (size_t i = 0; i < values.size(); ++i) out[i] = exp_negative((values[i] - max) * scale);
  return sum(values.size(), [&](size_t i) { return out[i]; });
}

double weighted_sum(std::span<const float> values, float max, const float* weights) {
  return sum(values.size(), [&](size_t i) {
    return only_if(weights[i] > 0, weights[i] * (values[i] - max));  // not 0 · infinity
  });
}

}  // namespace openelm
