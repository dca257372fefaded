#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/dtype.h"

namespace openelm {

/// Expands `n` elements of any readable type to f32. `n` is a multiple of the type's block; `src` needs no
/// alignment. This is the definition of each format that every kernel is tested against.
void dequantize_row(DType type, const uint8_t* src, float* dst, size_t n) noexcept;

/// The 6-bit scale and minimum of sub-block `j` (0..7) of a Q4_K or Q5_K super-block.
void unpack_scale_min(const uint8_t scales[12], size_t j, uint8_t* scale, uint8_t* min) noexcept;

/// The sixteen 6-bit signed scales of a Q3_K super-block, offset removed.
void unpack_q3_scales(const uint8_t packed[12], int8_t scales[16]) noexcept;

}  // namespace openelm
