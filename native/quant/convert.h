#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/dtype.h"

namespace openelm {

/// Whether rows of `from` can become rows of `to`: the same type (copied), or any readable type to a writable
/// one.
bool can_convert(DType from, DType to) noexcept;

/// Converts rows laid one after another; cols is a multiple of both types' blocks. Equal types are copied bit
/// by bit.
void convert_rows(DType from, const uint8_t* src, size_t rows, size_t cols, DType to, uint8_t* dst) noexcept;

}  // namespace openelm
