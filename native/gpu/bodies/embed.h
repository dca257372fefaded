#pragma once

#include "gpu/bodies/dequantize.h"

namespace openelm {
namespace gpu {

/// One token's row of the table, by a group.
template <class Block, class Group>
GPU_FN void embed(Group group, EmbedArgs args, uint32_t token) {
  wait_for_inputs();
  let_next_start();
  const uint32_t cols = args.table.cols;
  const Row<Block> row = row_of<Block>(args.table, uint32_t(at<const int32_t>(args.ids)[token]));
  GPU_DEVICE float* x = at<float>(args.x) + uint64_t(token) * cols;
  for (uint32_t col = group.lane() * 8; col < cols; col += group.size() * 8) {
    float values[8];
    dequantize_8(row, col, values);
    for (uint32_t i = 0; i < 8 && col + i < cols; ++i) x[col + i] = values[i];
  }
}

}  // namespace gpu
}  // namespace openelm
