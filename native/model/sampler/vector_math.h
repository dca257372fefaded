#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/vocabulary/vocabulary.h"

namespace openelm {

/// Whole-vocabulary loops of the sampler, by the best variant this machine runs: whatever kernels a model was
/// given, since all give the same bits.
const VocabularyImpl& vocabulary_loops();

/// Index of the largest value, the first of equal ones; NaN is never it. 0 when nothing is above -infinity.
/// `values` is not empty.
int32_t argmax(std::span<const float> values);

/// Whether no value is NaN or +infinity.
bool ordered(std::span<const float> values);

/// Replaces NaN by -infinity and +infinity by the largest finite value, so that differences stay ordered.
void make_ordered(std::span<float> values);

}  // namespace openelm
