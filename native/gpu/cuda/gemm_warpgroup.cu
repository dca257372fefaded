// Compiled for sm_90a besides the other architectures, for which the kernels are empty: see
// prepare_gemm_tiles.

#include "gpu/cuda/gemm_warpgroup.cuh"

#include "gpu/cuda/gemm_tiles.h"

namespace openelm::gpu::cuda {
namespace {

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1) warpgroup_kernel([[maybe_unused]] GemmArgs args) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ char openelm_warpgroup_tiles[];
  Tile::run(args, (shared_address(openelm_warpgroup_tiles) + 1023) & ~1023u, blockIdx.x, blockIdx.y);
#endif
}

template <uint32_t kRows>
constexpr GemmTileInfo tile_info(float speed) {
  using Plain = WarpgroupTile<kRows, false>;
  using Gated = WarpgroupTile<kRows, true>;
  return {Plain::kTokens,         kRows, Plain::kThreads, Plain::kSharedBytes, speed, warpgroup_kernel<Plain>,
          warpgroup_kernel<Gated>};
}

}  // namespace

const GemmTileInfo kWarpgroupTiles[kWarpgroupTileCount] = {tile_info<256>(1.5f), tile_info<128>(1.25f)};

}  // namespace openelm::gpu::cuda
