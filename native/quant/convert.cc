#include "quant/convert.h"

#include <algorithm>
#include <cstring>

#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"

namespace openelm {

bool can_convert(DType from, DType to) noexcept {
  return from == to || can_quantize(to);
}

void convert_rows(DType from, const uint8_t* src, size_t rows, size_t cols, DType to, uint8_t* dst) noexcept {
  if (from == to) {
    std::memcpy(dst, src, rows * row_bytes(from, cols));
    return;
  }
  // A super-block is whole in every format, so a row can go through a small buffer in pieces of that size.
  float values[kSuperBlock];
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < cols; i += kSuperBlock) {
      const size_t n = std::min<size_t>(kSuperBlock, cols - i);
      dequantize_row(from, src, values, n);
      quantize_row(to, values, dst, n);
      src += row_bytes(from, n);
      dst += row_bytes(to, n);
    }
  }
}

}  // namespace openelm
