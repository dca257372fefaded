#include "gpu/cuda/gemm_tiles.h"

#include <cuda_runtime.h>

#include "gpu/cuda/gemm_tile.cuh"

namespace openelm::gpu::cuda {
namespace {

template <class Tile, int kBlocks>
__global__ void __launch_bounds__(Tile::kThreads, kBlocks) gemm_kernel(GemmArgs args) {
  extern __shared__ __align__(128) char openelm_tiles[];
  Tile::run(args, openelm_tiles, blockIdx.x, blockIdx.y);
}

/// kBlocks: at least so many to a multiprocessor, which bounds registers.
template <uint32_t kTokens, uint32_t kRows, uint32_t kWarpTokens, uint32_t kWarpRows, uint32_t kStages,
          int kBlocks>
constexpr GemmTileInfo tile_info(float speed) {
  using Plain = GemmTile<kTokens, kRows, kWarpTokens, kWarpRows, kStages, false>;
  using Gated = GemmTile<kTokens, kRows, kWarpTokens, kWarpRows, kStages, true>;
  return {kTokens,
          kRows,
          Plain::kThreads,
          Plain::kSharedBytes,
          speed,
          gemm_kernel<Plain, kBlocks>,
          gemm_kernel<Gated, kBlocks>};
}

constexpr uint32_t divide_up(uint32_t a, uint32_t b) {
  return (a + b - 1) / b;
}

const GemmTileInfo kTiles[kGemmTileCount - kWarpgroupTileCount] = {
    tile_info<128, 256, 64, 64, 3, 1>(1.1f),  //
    tile_info<128, 128, 64, 64, 3, 2>(1.0f),  //
    tile_info<64, 128, 32, 64, 3, 3>(0.85f),  //
    tile_info<64, 64, 32, 32, 4, 3>(0.6f),    //
    tile_info<32, 64, 32, 16, 5, 3>(0.4f),    //
    tile_info<16, 64, 16, 16, 5, 4>(0.25f),
};

}  // namespace

const GemmTileInfo& gemm_tile(size_t index) noexcept {
  return index < kWarpgroupTileCount ? kWarpgroupTiles[index] : kTiles[index - kWarpgroupTileCount];
}

size_t choose_gemm_tile(uint32_t n, uint32_t rows, uint32_t multiprocessors, size_t first) noexcept {
  size_t best = first;
  float best_cost = 0;
  for (size_t i = first; i < kGemmTileCount; ++i) {
    const GemmTileInfo& tile = gemm_tile(i);
    // Tiles that the busiest multiprocessor computes, and how long one takes.
    const uint32_t tiles = divide_up(n, tile.tokens) * divide_up(rows, tile.rows);
    const float cost =
        static_cast<float>(divide_up(tiles, multiprocessors) * tile.tokens * tile.rows) / tile.speed;
    if (i == first || cost < best_cost) {
      best = i;
      best_cost = cost;
    }
  }
  return best;
}

int prepare_gemm_tiles(size_t first, size_t end) {
  for (size_t i = first; i < end; ++i) {
    const GemmTileInfo& tile = gemm_tile(i);
    for (auto* kernel : {tile.plain, tile.gated}) {
      const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                     static_cast<int>(tile.shared_bytes));
      if (error != cudaSuccess) return error;
    }
  }
  return cudaSuccess;
}

size_t find_first_gemm_tile() {
  int device = 0, shared = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (static_cast<uint32_t>(shared) < gemm_tile(kWarpgroupTileCount).shared_bytes) return kLargeTileCount;
  if (prepare_gemm_tiles(kWarpgroupTileCount, kLargeTileCount) != cudaSuccess) return kLargeTileCount;
  return warpgroups_agree() ? 0 : kWarpgroupTileCount;
}

int launch_gemm_tile(const GemmTileInfo& tile, const GemmArgs& args, bool gated, CUstream_st* stream) {
  const uint32_t outputs = gated ? tile.rows / 2 : tile.rows;
  const uint32_t rows = args.y_bf16 != nullptr ? max(args.rows, args.rows_bf16) : args.rows;
  // Blocks of the same rows follow each other, so that weights come from memory once.
  const dim3 blocks(divide_up(args.n, tile.tokens), divide_up(rows, outputs));
  (gated ? tile.gated : tile.plain)<<<blocks, tile.threads, tile.shared_bytes, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace openelm::gpu::cuda
