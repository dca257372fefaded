#pragma once

// The product for tens of tokens, where reading the weights is what takes time: quants and scales arrive in
// shared memory as they are, and become bf16 fragments in the registers of the one warp that needs them. The
// same values are multiplied in the same order as in gemm_tile.cuh, so that results are the same to the last
// bit.

#include "gpu/cuda/gemm_tile.cuh"
#include "gpu/cuda/gemm_tiles.h"
#include "quant/blocks.h"

namespace openelm::gpu::cuda {

/// d · q for two quants in 2^23 + offset + q, as bf16.
OPENELM_TENSOR uint32_t scale_quants(uint32_t bytes, float offset, float d) {
  // A byte at the bottom of the mantissa of 2^23 is that integer more.
  const float low = as_float(pick_bytes(bytes, 0x4b000000u, 0x7440)) - (8388608.0f + offset);
  const float high = as_float(pick_bytes(bytes, 0x4b000000u, 0x7441)) - (8388608.0f + offset);
  return pack_bf16(d * low, d * high);
}

/// How the quants of 64 columns of a row lie in shared memory, and a B fragment of 16 of them; `t` is lane
/// % 4.
template <class Block>
struct FewQuants;

template <>
struct FewQuants<BlockQ8_0> {
  static constexpr uint32_t kChunks = 4;  // of 16 columns
  static OPENELM_TENSOR void fragment(SharedAddress quants, uint32_t row, uint32_t step, uint32_t t, float d,
                                      uint32_t (&b)[2]) {
    const SharedAddress chunk = quants + swizzled<kChunks>(row, step) + 2 * t;
    b[0] = scale_quants(load_shared_u16(chunk) ^ 0x8080, 128.0f, d);
    b[1] = scale_quants(load_shared_u16(chunk + 8) ^ 0x8080, 128.0f, d);
  }
};

template <>
struct FewQuants<BlockQ4_0> {
  static constexpr uint32_t kChunks = 2;  // of 32 columns: 16 low nibbles, then 16 high ones
  static OPENELM_TENSOR void fragment(SharedAddress quants, uint32_t row, uint32_t step, uint32_t t, float d,
                                      uint32_t (&b)[2]) {
    const SharedAddress chunk = quants + swizzled<kChunks>(row, step / 2) + 2 * t;
    const uint32_t shift = step % 2 * 4;
    b[0] = scale_quants(load_shared_u16(chunk) >> shift & 0x0f0f, 8.0f, d);
    b[1] = scale_quants(load_shared_u16(chunk + 8) >> shift & 0x0f0f, 8.0f, d);
  }
};

/// kTokens × kRows outputs; each warp has all tokens and kWarpRows rows, of a gated product half of either
/// matrix.
template <class Block, uint32_t kTokens_, uint32_t kRows_, uint32_t kWarpRows, uint32_t kStages, bool kGated>
struct FewTile {
  using Quants = FewQuants<Block>;
  static constexpr uint32_t kTokens = kTokens_, kRows = kRows_;
  static constexpr uint32_t kThreads = kRows / kWarpRows * 32;
  static constexpr uint32_t kTokenBytes = kTokens * kGemmStep * 2;
  static constexpr uint32_t kQuantBytes = kRows * Quants::kChunks * kChunk;
  static constexpr uint32_t kStageBytes = kTokenBytes + kQuantBytes + kRows * 4;  // two scales a row
  static constexpr uint32_t kSharedBytes = kStageBytes * kStages;
  static constexpr uint32_t kOutputs = kGated ? kRows / 2 : kRows;
  static constexpr uint32_t kHalf = kWarpRows / 2;
  static constexpr uint32_t kM = kTokens / 16, kN = kWarpRows / 8;
  static_assert(kWarpRows % (kGated ? 16 : 8) == 0 && kStageBytes % 128 == 0,
                "whole fragments, aligned stages");

  struct Source {
    bool up;
    uint32_t row;
  };
  /// The matrix and row that row r of the tile is.
  static OPENELM_TENSOR Source source_of(uint32_t r, uint32_t row0) {
    const uint32_t in_warp = r % kWarpRows;
    return {kGated && in_warp >= kHalf, row0 + (kGated ? r / kWarpRows * kHalf + in_warp % kHalf : r)};
  }

  static OPENELM_TENSOR void copy_step(const FewArgs& args, SharedAddress stage, uint32_t token0,
                                       uint32_t row0, uint32_t step) {
    copy_tokens<kTokens, kThreads>(args.product, stage, token0, step * kGemmStep);
    const uint32_t steps = args.product.ld / kGemmStep;
#pragma unroll
    for (uint32_t i = thread_index(); i < kRows * Quants::kChunks; i += kThreads) {
      const uint32_t r = i / Quants::kChunks, chunk = i % Quants::kChunks;
      const Source from = source_of(r, row0);
      const size_t index = (static_cast<size_t>(from.row) * steps + step) * Quants::kChunks + chunk;
      copy_async(stage + kTokenBytes + swizzled<Quants::kChunks>(r, chunk),
                 (from.up ? args.quants[1] : args.quants[0]) + index * kChunk, from.row < args.product.rows);
    }
    if (thread_index() < kRows) {
      const Source from = source_of(thread_index(), row0);
      copy_async_4(
          stage + kTokenBytes + kQuantBytes + thread_index() * 4,
          (from.up ? args.scales[1] : args.scales[0]) + (static_cast<size_t>(from.row) * steps + step) * 2,
          from.row < args.product.rows);
    }
  }

  static OPENELM_TENSOR void multiply_step(float (&sums)[kM][kN][4], SharedAddress stage, uint32_t warp_row,
                                           uint32_t lane) {
    const SharedAddress quants = stage + kTokenBytes, scales = quants + kQuantBytes;
    uint32_t d[kN];
#pragma unroll
    for (uint32_t n = 0; n < kN; ++n) d[n] = load_shared_u32(scales + (warp_row + 8 * n + lane / 4) * 4);
#pragma unroll
    for (uint32_t k = 0; k < kGemmStep / 16; ++k) {
      uint32_t a[kM][4];
#pragma unroll
      for (uint32_t m = 0; m < kM; ++m) {
        load_matrices(a[m], stage + swizzled<kStepChunks>(16 * m + a_row(lane), 2 * k + a_chunk(lane)));
      }
#pragma unroll
      for (uint32_t n = 0; n < kN; ++n) {
        uint32_t b[2];
        const float scale = half_bits_to_float(k < 2 ? d[n] & 0xffff : d[n] >> 16);
        Quants::fragment(quants, warp_row + 8 * n + lane / 4, k, lane % 4, scale, b);
#pragma unroll
        for (uint32_t m = 0; m < kM; ++m) mma_bf16(sums[m][n], a[m], b[0], b[1]);
      }
    }
  }

  /// The whole of a block; `shared`: kSharedBytes, aligned to 128.
  static OPENELM_TENSOR void run(const FewArgs& args, void* shared, uint32_t token_block,
                                 uint32_t row_block) {
    const uint32_t lane = thread_index() % 32, warp = thread_index() / 32;
    const uint32_t token0 = token_block * kTokens, row0 = row_block * kOutputs;
    const SharedAddress stages = shared_address(shared);
    float sums[kM][kN][4] = {};
    pipeline<kStages>(
        args.product.ld / kGemmStep,
        [&](uint32_t stage, uint32_t step) {
          copy_step(args, stages + stage * kStageBytes, token0, row0, step);
        },
        [&](uint32_t stage) { multiply_step(sums, stages + stage * kStageBytes, warp * kWarpRows, lane); });
    store_sums<kGated>(args.product, sums, token0, row0 + warp * (kGated ? kHalf : kWarpRows));
  }
};

}  // namespace openelm::gpu::cuda
