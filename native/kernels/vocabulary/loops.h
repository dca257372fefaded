#pragma once

// The loops of vocabulary.h, compiled in every variant with its instructions; included by nothing else. They
// are written so that compilers turn them into vector code: sums and maxima have 64 lanes, since of fewer GCC
// makes scalars before it vectorizes, and conditions select by integer masks.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/vocabulary/vocabulary.h"

namespace openelm {
namespace {

constexpr size_t kLanes = 64;
constexpr size_t kStretch =
    1024;  // floats that lanes add up before doubles take over, so that little is lost
constexpr float kInfinity = __builtin_inff();
constexpr float kLargest = 3.40282347e+38f;

/// value where the condition holds, else 0. Compilers make branches of conditional floats, and then no lanes.
inline float only_if(bool condition, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits &= 0u - static_cast<uint32_t>(condition);
  std::memcpy(&value, &bits, sizeof value);
  return value;
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
  uint32_t exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent + 127u) << 23;  // the bits above n fall out
  float power;
  std::memcpy(&power, &exponent, sizeof power);
  return only_if(x > -87.0f, p * power);  // below, all of this was nonsense
}

/// Adds up the lanes, halves onto halves.
template <class Number>
Number sum_of(Number (&lanes)[kLanes]) {
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

/// Where the stretch of whole blocks that begins at i ends.
inline size_t stretch_end(size_t i, size_t n) {
  return i + (n - i < kStretch ? n - i : kStretch) / kLanes * kLanes;
}

/// Sum of term(0) to term(n - 1). Before a stretch of terms is used prepare(begin, end) is called for it.
template <class Prepare, class Term>
double sum(size_t n, const Prepare& prepare, const Term& term) {
  double total = 0;
  size_t i = 0;
  while (i + kLanes <= n) {
    float lanes[kLanes] = {};
    const size_t end = stretch_end(i, n);
    prepare(i, end);
    for (; i < end; i += kLanes) {
      for (size_t j = 0; j < kLanes; ++j) lanes[j] += term(i + j);
    }
    total += sum_of(lanes);
  }
  prepare(i, n);
  for (; i < n; ++i) total += term(i);
  return total;
}

/// How many of [0, n) hold(i) is true for.
template <class Condition>
size_t count(size_t n, const Condition& holds) {
  uint32_t lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] += holds(i + j) ? 1u : 0u;
  }
  size_t total = sum_of(lanes);
  for (; i < n; ++i) total += holds(i) ? 1 : 0;
  return total;
}

float max_value(const float* values, size_t n) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -kInfinity;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
  }
  float best = -kInfinity;
  for (const float lane : lanes) best = lane > best ? lane : best;
  for (; i < n; ++i) best = values[i] > best ? values[i] : best;
  return best;
}

size_t count_strange(const float* values, size_t n) {
  return count(n, [=](size_t i) { return !(values[i] <= kLargest); });
}

size_t count_from(const float* keys, size_t n, float floor) {
  return count(n, [=](size_t i) { return keys[i] >= floor; });
}

Tally tally_from(const float* keys, const float* weights, size_t n, float floor) {
  Tally total = {0, 0};
  size_t i = 0;
  while (i + kLanes <= n) {
    float lanes[kLanes] = {};
    uint32_t counts[kLanes] = {};
    for (const size_t end = stretch_end(i, n); i < end; i += kLanes) {
      for (size_t j = 0; j < kLanes; ++j) {
        const bool above = keys[i + j] >= floor;
        lanes[j] += only_if(above, weights[i + j]);
        counts[j] += above ? 1u : 0u;
      }
    }
    total.weight += sum_of(lanes);
    total.count += sum_of(counts);
  }
  for (; i < n; ++i) {
    const bool above = keys[i] >= floor;
    total.weight += only_if(above, weights[i]);
    total.count += above ? 1 : 0;
  }
  return total;
}

/// Comparisons are bytes first, since those make vectors; eight of them without any are one test.
size_t find_within(const float* keys, size_t n, float low, float high, uint32_t* out) {
  size_t found = 0, i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    uint8_t hits[kLanes];
    for (size_t j = 0; j < kLanes; ++j)
      hits[j] = static_cast<uint8_t>(keys[i + j] >= low) & static_cast<uint8_t>(keys[i + j] < high);
    for (size_t j = 0; j < kLanes; j += 8) {
      uint64_t eight;  // little-endian, as all processors are that this runs on
      std::memcpy(&eight, hits + j, sizeof eight);
      for (; eight != 0; eight &= eight - 1)
        out[found++] = static_cast<uint32_t>(i + j + static_cast<size_t>(__builtin_ctzll(eight)) / 8);
    }
  }
  for (; i < n; ++i) {
    if (keys[i] >= low && keys[i] < high) out[found++] = static_cast<uint32_t>(i);
  }
  return found;
}

void mask_below(const float* keys, size_t n, float floor, const float* values, float* out) {
  for (size_t i = 0; i < n; ++i) {
    const float value = values[i];
    out[i] = keys[i] >= floor ? value : -kInfinity;
  }
}

double exp_sum(const float* values, size_t n, float max, float scale, float* out) {
  const auto fill = [=](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) out[i] = exp_negative((values[i] - max) * scale);
  };
  return sum(n, fill, [=](size_t i) { return out[i]; });  // of what the nearest cache still holds
}

double weighted_sum(const float* values, const float* weights, size_t n, float max) {
  const auto nothing = [](size_t, size_t) {};
  return sum(n, nothing, [=](size_t i) {
    return only_if(weights[i] > 0, weights[i] * (values[i] - max));  // not 0 · infinity
  });
}

void nearness(const float* values, size_t n, float max, float mean, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] = -__builtin_fabsf((values[i] - max) - mean);
}

constexpr VocabularyImpl kLoops = {max_value,  count_strange, count_from,   tally_from, find_within,
                                   mask_below, exp_sum,       weighted_sum, nearness};

}  // namespace
}  // namespace openelm
