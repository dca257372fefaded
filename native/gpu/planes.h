#pragma once

#include <cstddef>
#include <cstring>

#include "gpu/device.h"
#include "quant/blocks.h"

namespace openelm::gpu {

/// A type whose quants and scales lie apart on devices (bodies/matrix.h): where a file's block has its f16
/// scale.
struct Apart {
  bool is;
  size_t block_bytes, scale_at;

  size_t quant_bytes() const { return block_bytes - sizeof(uint16_t); }
};

inline Apart apart_of(DType type) {
  const size_t bytes = dtype_info(type).block_bytes;
  return {type == DType::q8_0 || type == DType::q4_0 || type == DType::q6_k, bytes,
          type == DType::q6_k ? offsetof(BlockQ6_K, d) : 0};
}

/// Blocks of a file into quants and scales.
inline void take_apart(const Apart& apart, const uint8_t* blocks, size_t count, uint8_t* quants,
                       uint8_t* scales) {
  const size_t at = apart.scale_at, behind = apart.quant_bytes() - at;
  for (size_t i = 0; i < count; ++i, blocks += apart.block_bytes) {
    std::memcpy(quants, blocks, at);
    std::memcpy(scales, blocks + at, sizeof(uint16_t));
    std::memcpy(quants + at, blocks + at + sizeof(uint16_t), behind);
    quants += apart.quant_bytes();
    scales += sizeof(uint16_t);
  }
}

/// How CUDA and Metal lay a matrix out in one piece of memory: quants, then scales where a type has them
/// apart.
struct Planes {
  Apart apart;
  size_t blocks;
  size_t quant_bytes;  // up to where the scales begin
  size_t scale_bytes;

  size_t bytes() const { return quant_bytes + scale_bytes; }
};

inline Planes planes_of(DType type, size_t rows, size_t cols) {
  constexpr size_t kAlignment = 256;  // planes begin at multiples of it
  const Apart apart = apart_of(type);
  const size_t bytes = rows * row_bytes(type, cols), blocks = bytes / apart.block_bytes;
  if (!apart.is) return {apart, blocks, bytes, 0};
  const size_t scales = blocks * sizeof(uint16_t);
  return {apart, blocks, (bytes - scales + kAlignment - 1) / kAlignment * kAlignment, scales};
}

/// The matrix whose planes begin at `memory`.
inline DeviceMatrix matrix_at(DevicePointer memory, const Planes& planes, DType type, size_t rows,
                              size_t cols) {
  return {type, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols), memory,
          planes.apart.is ? memory + planes.quant_bytes : 0};
}

}  // namespace openelm::gpu
