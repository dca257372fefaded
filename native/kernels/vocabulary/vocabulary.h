#pragma once

#include <cstddef>
#include <cstdint>

namespace openelm {

/// Of the candidates that a filter would keep.
struct Tally {
  double weight;
  size_t count;
};

/// Loops over a whole vocabulary, for the sampler. Unlike other ops these give the same bits in every
/// variant: a seed must give the same tokens on every machine. So sums have one order (loops.h), exp is our
/// own, and nothing is fused. `n` may be 0; there is no alignment to keep.
struct VocabularyImpl {
  /// Largest value; -infinity when there is none but NaN.
  float (*max_value)(const float* values, size_t n);

  /// How many values are NaN or +infinity.
  size_t (*count_strange)(const float* values, size_t n);

  /// How many keys are at least `floor`.
  size_t (*count_from)(const float* keys, size_t n, float floor);

  /// The same, and the sum of their weights.
  Tally (*tally_from)(const float* keys, const float* weights, size_t n, float floor);

  /// Writes the indices of the keys in [low, high) in order, and nothing behind out[n - 1]; returns how many.
  size_t (*find_within)(const float* keys, size_t n, float low, float high, uint32_t* out);

  /// out[i] = keys[i] >= floor ? values[i] : -infinity. `out` may be `values`.
  void (*mask_below)(const float* keys, size_t n, float floor, const float* values, float* out);

  /// out[i] = exp((values[i] - max) * scale), relative error under 3e-7, 0 where the exponent is below -87.
  /// Returns the sum. `max` is finite and not below any value; none is NaN.
  double (*exp_sum)(const float* values, size_t n, float max, float scale, float* out);

  /// Sum of weights[i] * (values[i] - max) over the weights above 0.
  double (*weighted_sum)(const float* values, const float* weights, size_t n, float max);

  /// out[i] = -|(values[i] - max) - mean|: the largest is nearest to the mean.
  void (*nearness)(const float* values, size_t n, float max, float mean, float* out);
};

}  // namespace openelm
