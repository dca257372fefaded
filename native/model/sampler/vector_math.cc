#include "model/sampler/vector_math.h"

#include <bit>
#include <cmath>
#include <limits>

namespace openelm {

namespace {

constexpr size_t kLanes = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// exp for x <= 0: 2^n · e^r with |r| <= ln2 / 2, e^r by its Taylor series to r^6 (remainder under 1.3e-7).
inline float exp_negative(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  const float clamped = x > -87.0f ? x : -87.0f;
  const float shifted = clamped * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = clamped - n * kLn2High - n * kLn2Low;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;  // the bits above n fall out
  const float value = p * std::bit_cast<float>(exponent);
  return x > -87.0f ? value : 0.0f;
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
  const float best = max_value(values);
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    bool here = false;
    for (size_t j = 0; j < kLanes; ++j) here |= values[i + j] == best;
    if (here) break;
  }
  while (i < values.size() && values[i] != best) ++i;
  return i < values.size() ? static_cast<int32_t>(i) : 0;
}

void make_ordered(std::span<float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (float& value : values) {
    const float number = value == value ? value : -kInfinity;
    value = number > kLargest ? kLargest : number;
  }
}

double sum(std::span<const float> values) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] += values[i + j];
  }
  double total = 0;
  for (const float lane : lanes) total += lane;
  for (; i < values.size(); ++i) total += values[i];
  return total;
}

size_t count_from(std::span<const float> keys, float floor) {
  uint32_t count = 0;  // whole numbers: the compiler may use lanes by itself
  for (const float key : keys) count += key >= floor ? 1u : 0u;
  return count;
}

float weight_from(std::span<const float> keys, const float* weights, float floor) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= keys.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      const float weight = weights[i + j];  // loaded in any case, or the loop stays scalar
      lanes[j] += keys[i + j] >= floor ? weight : 0.0f;
    }
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < keys.size(); ++i) sum += keys[i] >= floor ? weights[i] : 0.0f;
  return sum;
}

double exp_sum(std::span<const float> values, float max, float scale, float* out) {
  for (size_t i = 0; i < values.size(); ++i) out[i] = exp_negative((values[i] - max) * scale);
  return sum({out, values.size()});
}

}  // namespace openelm
