#pragma once

// Weight matrices of every type for tests: random bits where any bits are valid, scales of a chosen kind.

#include <cstdint>
#include <vector>

#include "quant/dtype.h"
#include "random.h"

namespace openelm::check {

enum class Scales {
  ordinary,   // like a trained model's
  largest,    // the largest an f16 scale can be, quants at both ends of their range
  subnormal,  // f16 subnormals
  zero,       // some blocks zero by their scale, some by their quants
};

inline constexpr DType kAllTypes[] = {DType::q8_0,   DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                      DType::q2_k,   DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k,
                                      DType::iq4_nl, DType::f16,  DType::bf16, DType::f32};

/// Fills `n` elements (whole blocks) of `type` at dst.
void random_row(DType type, Scales scales, Random& random, uint8_t* dst, size_t n);

/// The part of each element that does not depend on its quant: the minimum of types that have one, else 0.
/// Such elements are differences of larger numbers, which an error bound has to know.
std::vector<float> offsets_of_row(DType type, const uint8_t* row, size_t n);

}  // namespace openelm::check
