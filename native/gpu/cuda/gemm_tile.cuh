#pragma once

// One block's part of y = x · Wᵀ with both sides in bf16: a tile of tokens × rows, stepped through the
// columns 64 at a time. Tiles of both sides arrive in shared memory by cp.async, several steps ahead; warps
// multiply fragments of them (mma m16n8k16). The 128 bytes of a tile's row are swizzled by its number, so
// that neither the copies' stores nor ldmatrix meet bank conflicts.
//
// Every output is one chain of mma over ascending columns, whatever the tile's shape: tiles may be chosen by
// the number of tokens without a token's result changing.

#include "gpu/cuda/gemm_tiles.h"
#include "gpu/cuda/tensor_core.cuh"

namespace openelm::gpu::cuda {

inline constexpr uint32_t kStepChunks = kGemmStep * 2 / kChunk;

/// silu(gate) · up.
OPENELM_TENSOR float swiglu(float gate, float up) {
  return divide_approx(gate, 1.0f + exp2_approx(gate * -1.44269504f)) * up;
}

/// Outputs (token, row) and (token, row + 1), row even.
OPENELM_TENSOR void store_pair(const GemmArgs& args, uint32_t token, uint32_t row, float a, float b) {
  if (token >= args.n) return;
  if (args.y != nullptr && row < args.rows) {
    float* y = args.y + static_cast<size_t>(token) * args.ldy + row;
    if (row + 1 < args.rows && args.ldy % 2 == 0) {
      struct alignas(8) Pair {
        float a, b;
      };
      Pair* const pair = reinterpret_cast<Pair*>(y);
      *pair = args.add ? Pair{pair->a + a, pair->b + b} : Pair{a, b};
    } else {
      y[0] = args.add ? y[0] + a : a;
      if (row + 1 < args.rows) y[1] = args.add ? y[1] + b : b;
    }
  }
  if (args.y_bf16 != nullptr && row < args.rows_bf16) {
    *reinterpret_cast<uint32_t*>(args.y_bf16 + static_cast<size_t>(token) * args.ld_bf16 + row) =
        pack_bf16(a, b);
  }
}

/// Starts the copies of the tokens' side of a step.
template <uint32_t kTokens, uint32_t kThreads>
OPENELM_TENSOR void copy_tokens(const GemmArgs& args, SharedAddress tile, uint32_t token0, uint32_t column) {
  constexpr uint32_t kAtOnce = kThreads / kStepChunks;
  const uint32_t chunk = thread_index() % kStepChunks, first = thread_index() / kStepChunks;
  const size_t offset = column + chunk * (kChunk / 2);
#pragma unroll
  for (uint32_t i = 0; i < (kTokens + kAtOnce - 1) / kAtOnce; ++i) {
    const uint32_t r = first + i * kAtOnce;
    if (kTokens % kAtOnce != 0 && r >= kTokens) break;
    const uint32_t token = token0 + r;
    copy_async(tile + swizzled<kStepChunks>(r, chunk), args.x + static_cast<size_t>(token) * args.ld + offset,
               token < args.n);
  }
}

/// Steps through the columns with kStages stages of shared memory: copy(stage, step) starts a step's copies,
/// multiply(stage) uses them kStages - 1 steps later.
template <uint32_t kStages, class Copy, class Multiply>
OPENELM_TENSOR void pipeline(uint32_t steps, Copy copy, Multiply multiply) {
#pragma unroll
  for (uint32_t s = 0; s < kStages - 1; ++s) {
    if (s < steps) copy(s, s);
    copy_commit();
  }
  uint32_t read = 0, write = kStages - 1;
  for (uint32_t step = 0; step < steps; ++step) {
    // This step's copies have arrived, and all warps are done with the stage that is overwritten now.
    copy_wait<static_cast<int>(kStages) - 2>();
    block_barrier();
    if (step + kStages - 1 < steps) copy(write, step + kStages - 1);
    copy_commit();
    multiply(read);
    read = read + 1 == kStages ? 0 : read + 1;
    write = write + 1 == kStages ? 0 : write + 1;
  }
  copy_wait<0>();
}

/// Stores a warp's sums: outputs from `token` and `row` on. Of a gated product the second half of the columns
/// are the up matrix's.
template <bool kGated, uint32_t kM, uint32_t kN>
OPENELM_TENSOR void store_sums(const GemmArgs& args, const float (&sums)[kM][kN][4], uint32_t token,
                               uint32_t row) {
  const uint32_t lane = thread_index() % 32;
#pragma unroll
  for (uint32_t m = 0; m < kM; ++m) {
#pragma unroll
    for (uint32_t upper = 0; upper < 2; ++upper) {
#pragma unroll
      for (uint32_t n = 0; n < (kGated ? kN / 2 : kN); ++n) {
        float a = sums[m][n][2 * upper], b = sums[m][n][2 * upper + 1];
        if constexpr (kGated) {
          a = swiglu(a, sums[m][n + kN / 2][2 * upper]);
          b = swiglu(b, sums[m][n + kN / 2][2 * upper + 1]);
        }
        store_pair(args, token + 16 * m + 8 * upper + lane / 4, row + 8 * n + lane % 4 * 2, a, b);
      }
    }
  }
}

/// kTokens × kRows outputs by warps of kWarpTokens × kWarpRows, each side a multiple of 16. Of a gated
/// product a warp holds kWarpRows / 2 rows of both matrices, so that gate and up of an output meet in one
/// thread.
template <uint32_t kTokens_, uint32_t kRows_, uint32_t kWarpTokens, uint32_t kWarpRows, uint32_t kStages_,
          bool kGated_>
struct GemmTile {
  static constexpr uint32_t kTokens = kTokens_, kRows = kRows_, kStages = kStages_;
  static constexpr bool kGated = kGated_;
  static constexpr uint32_t kWarpsAcross = kTokens / kWarpTokens;
  static constexpr uint32_t kThreads = kWarpsAcross * (kRows / kWarpRows) * 32;
  static constexpr uint32_t kStageBytes = (kTokens + kRows) * kGemmStep * 2;
  static constexpr uint32_t kSharedBytes = kStageBytes * kStages;
  /// Rows of the output that a block computes.
  static constexpr uint32_t kOutputs = kGated ? kRows / 2 : kRows;
  static constexpr uint32_t kHalf = kWarpRows / 2;
  static constexpr uint32_t kM = kWarpTokens / 16, kN = kWarpRows / 8;
  static constexpr uint32_t kRowsPerCopy = kThreads / kStepChunks;
  static_assert(kTokens % kWarpTokens == 0 && kRows % kWarpRows == 0, "whole warps");
  static_assert(kWarpTokens % 16 == 0 && kWarpRows % 16 == 0, "whole fragments");

  /// Starts the copies of the step at column `column` into a stage.
  static OPENELM_TENSOR void copy_step(const GemmArgs& args, SharedAddress stage, uint32_t token0,
                                       uint32_t row0, uint32_t column) {
    const uint32_t chunk = thread_index() % kStepChunks, first = thread_index() / kStepChunks;
    const size_t offset = column + chunk * (kChunk / 2);
    copy_tokens<kTokens, kThreads>(args, stage, token0, column);
#pragma unroll
    for (uint32_t i = 0; i < (kRows + kRowsPerCopy - 1) / kRowsPerCopy; ++i) {
      const uint32_t r = first + i * kRowsPerCopy;
      if (kRows % kRowsPerCopy != 0 && r >= kRows) break;
      const uint32_t in_warp = r % kWarpRows;
      const bool up = kGated && in_warp >= kHalf;
      const uint32_t row = row0 + (kGated ? r / kWarpRows * kHalf + in_warp % kHalf : r);
      copy_async(stage + swizzled<kStepChunks>(kTokens + r, chunk),
                 (up ? args.up : args.w) + static_cast<size_t>(row) * args.ld + offset, row < args.rows);
    }
  }

  static OPENELM_TENSOR void multiply_step(float (&sums)[kM][kN][4], SharedAddress stage, uint32_t warp_token,
                                           uint32_t warp_row, uint32_t lane) {
#pragma unroll
    for (uint32_t k = 0; k < kStepChunks; k += 2) {
      uint32_t a[kM][4], b[kN / 2][4];
#pragma unroll
      for (uint32_t m = 0; m < kM; ++m) {
        load_matrices(a[m],
                      stage + swizzled<kStepChunks>(warp_token + 16 * m + a_row(lane), k + a_chunk(lane)));
      }
#pragma unroll
      for (uint32_t n = 0; n < kN / 2; ++n) {
        load_matrices(b[n], stage + swizzled<kStepChunks>(kTokens + warp_row + 16 * n + b_row(lane),
                                                          k + b_chunk(lane)));
      }
#pragma unroll
      for (uint32_t m = 0; m < kM; ++m) {
#pragma unroll
        for (uint32_t n = 0; n < kN; ++n) {
          mma_bf16(sums[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
        }
      }
    }
  }

  /// The whole of a block; `shared`: kSharedBytes, aligned to 128.
  static OPENELM_TENSOR void run(const GemmArgs& args, void* shared, uint32_t token_block,
                                 uint32_t row_block) {
    const uint32_t lane = thread_index() % 32, warp = thread_index() / 32;
    const uint32_t warp_token = warp % kWarpsAcross * kWarpTokens, warp_of_rows = warp / kWarpsAcross;
    const uint32_t token0 = token_block * kTokens, row0 = row_block * kOutputs;
    const uint32_t steps = args.ld / kGemmStep;
    const SharedAddress stages = shared_address(shared);

    float sums[kM][kN][4] = {};
    pipeline<kStages>(
        steps,
        [&](uint32_t stage, uint32_t step) {
          copy_step(args, stages + stage * kStageBytes, token0, row0, step * kGemmStep);
        },
        [&](uint32_t stage) {
          multiply_step(sums, stages + stage * kStageBytes, warp_token, warp_of_rows * kWarpRows, lane);
        });
    store_sums<kGated>(args, sums, token0 + warp_token, row0 + warp_of_rows * (kGated ? kHalf : kWarpRows));
  }
};

}  // namespace openelm::gpu::cuda
