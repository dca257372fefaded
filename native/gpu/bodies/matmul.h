#pragma once

// A product with many tokens without matrix units: tiles of weights (as floats) and activations in shared
// memory, four by four sums a thread.

#include "gpu/bodies/dequantize.h"

namespace openelm {
namespace gpu {

/// Columns in shared memory at a time.
GPU_CONSTANT uint32_t kMatmulColumns = 32;

/// Bytes of shared memory of matmul_tile.
GPU_BOTH uint32_t matmul_tile_bytes(uint32_t tile_rows, uint32_t tile_tokens) {
  return 4 * kMatmulColumns * (tile_rows + tile_tokens);
}

/// Columns [first, first + kMatmulColumns) of the tile's rows of w, [column][TileRows]; behind the matrix 0.
template <class Block, uint32_t TileRows, class Group>
GPU_FN void stage_weights(Group group, MatrixRef w, uint32_t first_row, uint32_t first,
                          GPU_SHARED float* out) {
  const uint32_t pieces = kMatmulColumns / 8;
  for (uint32_t index = group.lane(); index < TileRows * pieces; index += group.size()) {
    const uint32_t r = index / pieces, i = index % pieces * 8;
    float values[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (first_row + r < w.rows && first + i < w.cols)
      dequantize_8(row_of<Block>(w, first_row + r), first + i, values);
    GPU_UNROLL
    for (uint32_t j = 0; j < 8; ++j) out[(i + j) * TileRows + r] = values[j];
  }
}

/// The same of x, [column][TileTokens].
template <uint32_t TileTokens, class Group>
GPU_FN void stage_activations(Group group, MatmulArgs args, uint32_t first_token, uint32_t first,
                              GPU_SHARED float* out) {
  for (uint32_t index = group.lane(); index < TileTokens * kMatmulColumns; index += group.size()) {
    const uint32_t t = index / kMatmulColumns, i = index % kMatmulColumns;
    float value = 0;
    if (first_token + t < args.tokens && first + i < args.w.cols)
      value = at<const float>(args.x)[uint64_t(first_token + t) * args.w.cols + first + i];
    out[i * TileTokens + t] = value;
  }
}

/// Tile (row_tile, token_tile) of y (=|+=) x · wᵀ, by a group: TileRows rows, TileTokens tokens, multiples
/// of 4. shared: matmul_tile_bytes. Best with TileRows · TileTokens / 16 threads.
template <class Block, uint32_t TileRows, uint32_t TileTokens, class Group>
GPU_FN void matmul_tile(Group group, MatmulArgs args, uint32_t row_tile, uint32_t token_tile,
                        GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  GPU_SHARED float* weights = shared;
  GPU_SHARED float* activations = shared + kMatmulColumns * TileRows;
  const uint32_t parts = TileRows * TileTokens / 16;
  for (uint32_t base = 0; base < parts; base += group.size()) {
    const uint32_t part = min_of(base + group.lane(), parts - 1);
    const uint32_t row = part % (TileRows / 4) * 4, token = part / (TileRows / 4) * 4;
    float sums[4][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
    for (uint32_t first = 0; first < args.w.cols; first += kMatmulColumns) {
      group.barrier();
      stage_weights<Block, TileRows>(group, args.w, row_tile * TileRows, first, weights);
      stage_activations<TileTokens>(group, args, token_tile * TileTokens, first, activations);
      group.barrier();
      for (uint32_t i = 0; i < kMatmulColumns; ++i) {
        const Words4 w = shared_16(weights + i * TileRows + row);
        const Words4 x = shared_16(activations + i * TileTokens + token);
        GPU_UNROLL
        for (uint32_t t = 0; t < 4; ++t) {
          GPU_UNROLL
          for (uint32_t r = 0; r < 4; ++r)
            sums[t][r] = fma_of(as_float(w.word[r]), as_float(x.word[t]), sums[t][r]);
        }
      }
    }
    if (base + group.lane() >= parts) continue;
    for (uint32_t t = 0; t < 4; ++t) {
      for (uint32_t r = 0; r < 4; ++r) {
        const uint32_t y_row = row_tile * TileRows + row + r, y_token = token_tile * TileTokens + token + t;
        if (y_row >= args.w.rows || y_token >= args.tokens) continue;
        GPU_DEVICE float* y = at<float>(args.y) + uint64_t(y_token) * args.ldy + y_row;
        *y = args.add ? *y + sums[t][r] : sums[t][r];
      }
    }
  }
}

}  // namespace gpu
}  // namespace openelm
