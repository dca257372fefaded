#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace openelm {

/// Whole-vocabulary loops of the sampler, written so that compilers turn them into vector code without
/// special flags. Sums have a fixed order and exp is our own: a seed must give the same tokens on every
/// machine.

/// Index of the largest value, the first of equal ones; NaN is never it. 0 when nothing is above -infinity.
/// `values` is not empty.
int32_t argmax(std::span<const float> values);

/// Largest value; -infinity when there is none but NaN.
float max_value(std::span<const float> values);

/// Replaces NaN by -infinity and +infinity by the largest finite value, so that differences stay ordered.
void make_ordered(std::span<float> values);

/// Sum in a fixed order.
double sum(std::span<const float> values);

/// How many keys are at least `floor`.
size_t count_from(std::span<const float> keys, float floor);

/// Sum of the weights whose keys are at least `floor`.
float weight_from(std::span<const float> keys, const float* weights, float floor);

/// out[i] = exp((values[i] - max) * scale), relative error under 3e-7, 0 where the exponent is below -87.
/// Returns the sum. `max` is finite and not below any value.
double exp_sum(std::span<const float> values, float max, float scale, float* out);

}  // namespace openelm
