// Products for many tokens on simdgroup matrices. A group computes a tile of [tokens][rows], 32 columns of
// both sides at a time in threadgroup memory: weights dequantized there, activations beside them, in bf16
// where the GPU multiplies that, else in f32 (f16 would overflow: activations of the 3B do). Sums are f32.

#include "gpu/bodies/dequantize.h"
#include "gpu/metal/entry.h"

#ifndef OPENELM_BF16_MATRICES
#define OPENELM_BF16_MATRICES 0
#endif

namespace openelm {
namespace gpu {

#if OPENELM_BF16_MATRICES
typedef bfloat MatrixElement;
#else
typedef float MatrixElement;
#endif

constant constexpr uint32_t kDepth = 32;               // columns at a time
constant constexpr uint32_t kPieces = kDepth / 8;      // runs of 8 columns of a row
constant constexpr uint32_t kMatrix = 64;              // elements of an 8 x 8 matrix
constant constexpr uint32_t kQuarter = kManyTile / 2;  // a simdgroup's part of the tile, each way
constant constexpr uint32_t kMatrices = kQuarter / 8;  // of them, each way

/// Where the run `piece` of a row of the tile lies: tiles are stored as 8 x 8 matrices, each without gaps.
inline uint32_t run_at(uint32_t row, uint32_t piece) {
  return (row / 8 * kPieces + piece) * kMatrix + row % 8 * 8;
}

/// Eight activations from column col on; zeros beyond the matrix.
inline void load_run(MatmulArgs args, uint32_t token, uint32_t col, thread float* out) {
  device const float* x = at<const float>(args.x) + uint64_t(token) * args.w.cols;
  for (uint32_t i = 0; i < 8; ++i) out[i] = token < args.tokens && col + i < args.w.cols ? x[col + i] : 0.0f;
}

template <class Block>
void matmul_many(MatmulArgs args, uint32_t row_tile, uint32_t token_tile, uint32_t lane,
                 threadgroup uint8_t* shared) {
  const uint32_t first_row = row_tile * kManyTile, first_token = token_tile * kManyTile;
  threadgroup MatrixElement* weights = reinterpret_cast<threadgroup MatrixElement*>(shared);
  threadgroup MatrixElement* inputs = weights + kManyTile * kDepth;
  const uint32_t team = lane / kSimdWidth;
  const uint32_t token_at = team % 2 * kQuarter, row_at = team / 2 * kQuarter;

  metal::simdgroup_matrix<float, 8, 8> sums[kMatrices * kMatrices];
  for (uint32_t i = 0; i < kMatrices * kMatrices; ++i)
    sums[i] = metal::make_filled_simdgroup_matrix<float, 8, 8>(0.0f);

  for (uint32_t col = 0; col < args.w.cols; col += kDepth) {
    for (uint32_t run = lane; run < kManyTile * kPieces; run += kManyThreads) {
      const uint32_t row = run / kPieces, piece = run % kPieces, place = run_at(row, piece);
      float values[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
      if (first_row + row < args.w.rows)
        dequantize_8(row_of<Block>(args.w, first_row + row), col + piece * 8, values);
      for (uint32_t i = 0; i < 8; ++i) weights[place + i] = MatrixElement(values[i]);
      load_run(args, first_token + row, col + piece * 8, values);
      for (uint32_t i = 0; i < 8; ++i) inputs[place + i] = MatrixElement(values[i]);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    for (uint32_t piece = 0; piece < kPieces; ++piece) {
      metal::simdgroup_matrix<MatrixElement, 8, 8> x[kMatrices], w[kMatrices];
      for (uint32_t i = 0; i < kMatrices; ++i) {
        metal::simdgroup_load(x[i], inputs + run_at(token_at + i * 8, piece), 8);
        metal::simdgroup_load(w[i], weights + run_at(row_at + i * 8, piece), 8, metal::ulong2(0), true);
      }
      for (uint32_t i = 0; i < kMatrices * kMatrices; ++i)
        metal::simdgroup_multiply_accumulate(sums[i], x[i / kMatrices], w[i % kMatrices], sums[i]);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  }

  // Through threadgroup memory, [tokens][rows], as tiles may end within a matrix and y be added to.
  threadgroup float* results = reinterpret_cast<threadgroup float*>(shared);
  for (uint32_t i = 0; i < kMatrices * kMatrices; ++i)
    metal::simdgroup_store(sums[i],
                           results + (token_at + i / kMatrices * 8) * kManyTile + row_at + i % kMatrices * 8,
                           kManyTile);
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  device float* y = at<float>(args.y);
  for (uint32_t i = lane; i < kManyTile * kManyTile; i += kManyThreads) {
    const uint32_t token = first_token + i / kManyTile, row = first_row + i % kManyTile;
    if (token >= args.tokens || row >= args.w.rows) continue;
    const uint64_t place = uint64_t(token) * args.ldy + row;
    y[place] = args.add != 0 ? y[place] + results[i] : results[i];
  }
}

}  // namespace gpu
}  // namespace openelm

// Grid: tiles of rows, tiles of tokens.
#define OPENELM_MATMUL(type, Block)                                           \
  OPENELM_ENTRY(openelm_matmul_##type, MatmulArgs) {                          \
    const openelm::gpu::MatmulArgs args = given;                              \
    openelm::gpu::matmul_many<Block>(args, at.x, at.y, thread_index, shared); \
  }

OPENELM_EACH_BLOCK(OPENELM_MATMUL)
