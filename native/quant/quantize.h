#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/dtype.h"

namespace openelm {

/// Whether `quantize_row` writes this type.
bool can_quantize(DType type) noexcept;

/// Converts `n` f32 values to `type` (F32, F16, BF16, Q8_0 or Q4_0); `n` is a multiple of the type's block.
/// Q8_0: d = max|x| / 127 stored as f16, q = x · (1 / unrounded d) rounded to nearest, ties to even.
/// Q4_0: d = (value of largest magnitude) / -8, q = min(15, floor(x · (1 / d) + 8.5)).
/// These are the GGUF ecosystem's rules. Ties matter: weights that were f16 before hit them often, and the
/// scalar quantizer of ggml rounds them away from zero while its SIMD ones, and the recorded golden data,
/// round to even. Values that are not finite have no quant and become zero.
void quantize_row(DType type, const float* src, uint8_t* dst, size_t n) noexcept;

}  // namespace openelm
