#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/dtype.h"

namespace openelm {

/// Whether `quantize_row` writes this type.
bool can_quantize(DType type) noexcept;

/// Converts `n` f32 values to `type` (F32, F16, BF16, Q8_0 or Q4_0); `n` is a multiple of the type's block.
/// Q8_0: d = max|x| / 127 stored as f16, q = round half away from zero(x / unrounded d).
/// Q4_0: d = (value of largest magnitude) / -8, q = min(15, floor(x / d + 8.5)).
/// These are the rules of the GGUF ecosystem's reference quantizer, so files come out byte for byte the same.
/// Values that are not finite have no quant and become zero.
void quantize_row(DType type, const float* src, uint8_t* dst, size_t n) noexcept;

}  // namespace openelm
