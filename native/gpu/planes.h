#pragma once

#include <cstddef>

#include "gpu/device.h"
#include "quant/blocks.h"

namespace openelm::gpu {

/// How CUDA and Metal lay a matrix out in one piece of memory: quants, then scales where a type has them
/// apart.
struct Planes {
  bool apart;          // quants and scales lie apart
  size_t quant_bytes;  // up to where the scales begin
  size_t scale_bytes;

  size_t bytes() const { return quant_bytes + scale_bytes; }
};

inline Planes planes_of(DType type, size_t rows, size_t cols) {
  constexpr size_t kAlignment = 256;  // planes begin at multiples of it
  const size_t bytes = rows * row_bytes(type, cols);
  if (type != DType::q8_0 && type != DType::q4_0) return {false, bytes, 0};
  const size_t scales = rows * (cols / kGroup) * sizeof(uint16_t);
  return {true, (bytes - scales + kAlignment - 1) / kAlignment * kAlignment, scales};
}

/// The matrix whose planes begin at `memory`.
inline DeviceMatrix matrix_at(DevicePointer memory, const Planes& planes, DType type, size_t rows,
                              size_t cols) {
  return {type, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols), memory,
          planes.apart ? memory + planes.quant_bytes : 0};
}

}  // namespace openelm::gpu
