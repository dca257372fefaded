#pragma once

// How a matrix lies on the device. Types whose blocks are no multiple of 16 bytes long but for their f16
// scale keep quants and scales apart, so that quants are read in aligned pieces of 16 bytes:
//   Q8_0  quants int8 [rows][cols], scales f16 [rows][cols / 32]
//   Q4_0  quants [rows][cols / 32][16 bytes, nibbles as in the file], scales f16 [rows][cols / 32]
//   Q6_K  quants [rows][cols / 256][208 bytes, all but the scale], scales f16 [rows][cols / 256]
// All others are as in the file. The bytes are the file's; only their order differs. Both parts begin at
// multiples of 16 bytes.

#include "gpu/bodies/arguments.h"
#include "quant/blocks.h"

namespace openelm {
namespace gpu {

/// Tags of the types that have no block; `float` is a tag too.
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

/// Of a type: elements of a block and the bytes that those take in the two parts.
template <class Block, uint32_t Elements, uint32_t QuantBytes, uint32_t ScaleBytes>
struct LayoutOf {
  enum : uint32_t { kElements = Elements, kQuantBytes = QuantBytes, kScaleBytes = ScaleBytes };
};
template <class Block>
struct Layout : LayoutOf<Block, kGroup, sizeof(Block), 0> {};
template <>
struct Layout<BlockQ8_0> : LayoutOf<BlockQ8_0, kGroup, kGroup, 2> {};
template <>
struct Layout<BlockQ4_0> : LayoutOf<BlockQ4_0, kGroup, kGroup / 2, 2> {};
template <>
struct Layout<BlockQ2_K> : LayoutOf<BlockQ2_K, kSuperBlock, sizeof(BlockQ2_K), 0> {};
template <>
struct Layout<BlockQ3_K> : LayoutOf<BlockQ3_K, kSuperBlock, sizeof(BlockQ3_K), 0> {};
template <>
struct Layout<BlockQ4_K> : LayoutOf<BlockQ4_K, kSuperBlock, sizeof(BlockQ4_K), 0> {};
template <>
struct Layout<BlockQ5_K> : LayoutOf<BlockQ5_K, kSuperBlock, sizeof(BlockQ5_K), 0> {};
template <>
struct Layout<BlockQ6_K> : LayoutOf<BlockQ6_K, kSuperBlock, sizeof(BlockQ6_K) - 2, 2> {};
template <>
struct Layout<float> : LayoutOf<float, 1, 4, 0> {};
template <>
struct Layout<Half> : LayoutOf<Half, 1, 2, 0> {};
template <>
struct Layout<Bfloat> : LayoutOf<Bfloat, 1, 2, 0> {};

/// One row of a matrix.
template <class Block>
struct Row {
  GPU_DEVICE const uint8_t* quants;
  GPU_DEVICE const uint8_t* scales;
  uint32_t cols;
};

template <class Block>
GPU_FN Row<Block> row_of(MatrixRef m, uint32_t row) {
  const uint64_t blocks = m.cols / Layout<Block>::kElements;
  Row<Block> result;
  result.quants = at<const uint8_t>(m.quants) + row * blocks * Layout<Block>::kQuantBytes;
  result.scales = result.quants;
  if (Layout<Block>::kScaleBytes != 0)
    result.scales = at<const uint8_t>(m.scales) + row * blocks * Layout<Block>::kScaleBytes;
  result.cols = m.cols;
  return result;
}

}  // namespace gpu
}  // namespace openelm
