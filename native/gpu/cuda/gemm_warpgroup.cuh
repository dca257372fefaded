#pragma once

// The bf16 product by warpgroups: two of them share a tile of 128 tokens × kRows, each with 64 tokens. Steps
// are as in gemm_tile.cuh; while the tensor cores work on one, the threads start the copies two ahead and
// queue the next.

#include "gpu/cuda/gemm_tile.cuh"
#include "gpu/cuda/warpgroup.cuh"

namespace openelm::gpu::cuda {

/// Of a gated product kRows / 2 rows of either matrix.
template <uint32_t kRows_, bool kGated>
struct WarpgroupTile {
  static constexpr uint32_t kTokens = 128, kRows = kRows_, kThreads = 256, kStages = 4;
  static constexpr uint32_t kAhead = kStages - 2;
  static constexpr uint32_t kStageBytes = (kTokens + kRows) * kGemmStep * 2;
  /// Tiles begin at multiples of 1024 bytes.
  static constexpr uint32_t kSharedBytes = kStageBytes * kStages + 1024;
  static constexpr uint32_t kOutputs = kGated ? kRows / 2 : kRows;
  static constexpr uint32_t kRowsPerCopy = kThreads / kStepChunks;

  static OPENELM_TENSOR void copy_step(const GemmArgs& args, SharedAddress stage, uint32_t token0,
                                       uint32_t row0, uint32_t column) {
    copy_tokens<kTokens, kThreads>(args, stage, token0, column);
    const uint32_t chunk = thread_index() % kStepChunks;
    const size_t offset = column + chunk * (kChunk / 2);
#pragma unroll
    for (uint32_t i = 0; i < kRows / kRowsPerCopy; ++i) {
      const uint32_t r = thread_index() / kStepChunks + i * kRowsPerCopy;
      // kOutputs is a multiple of kRowsPerCopy: one i has rows of one matrix.
      const uint16_t* const matrix = i * kRowsPerCopy < kOutputs ? args.w : args.up;
      const uint32_t row = row0 + r % kOutputs;
      copy_async(stage + swizzled<kStepChunks>(kTokens + r, chunk),
                 matrix + static_cast<size_t>(row) * args.ld + offset, row < args.rows);
    }
  }

  static OPENELM_TENSOR void run(const GemmArgs& args, SharedAddress stages, uint32_t token_block,
                                 uint32_t row_block) {
    const uint32_t token0 = token_block * kTokens, row0 = row_block * kOutputs;
    const uint32_t steps = args.ld / kGemmStep, group = thread_index() / 128;
#pragma unroll
    for (uint32_t s = 0; s < kAhead; ++s) {
      if (s < steps) copy_step(args, stages + s * kStageBytes, token0, row0, s * kGemmStep);
      copy_commit();
    }
    float sums[1][kRows / 8][4] = {};
    for (uint32_t step = 0; step < steps; ++step) {
      // This step's tiles have arrived, and all warpgroups have finished the step before the last one.
      copy_wait<static_cast<int>(kAhead) - 1>();
      copies_to_matrices();
      block_barrier();
      const SharedAddress stage = stages + step % kStages * kStageBytes;
      warpgroup_begin();
#pragma unroll
      for (uint32_t k = 0; k < kGemmStep / 16; ++k) {
        warpgroup_mma<kRows>(sums[0], matrix_rows(stage + group * 64 * 128, k),
                             matrix_rows(stage + kTokens * 128, k));
      }
      warpgroup_commit();
      const uint32_t ahead = step + kAhead;
      if (ahead < steps)
        copy_step(args, stages + ahead % kStages * kStageBytes, token0, row0, ahead * kGemmStep);
      copy_commit();
      warpgroup_wait<1>();
    }
    warpgroup_wait<0>();
    copy_wait<0>();
    store_sums<kGated>(args, sums, token0 + group * 64 + thread_index() / 32 % 4 * 16, row0);
  }
};

}  // namespace openelm::gpu::cuda
