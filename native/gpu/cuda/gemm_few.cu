#include "gpu/cuda/gemm_few.cuh"

#include <cuda_runtime.h>

#include "gpu/cuda/gemm_tiles.h"

namespace openelm::gpu::cuda {
namespace {

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads) few_kernel(FewArgs args) {
  extern __shared__ __align__(128) char openelm_few[];
  Tile::run(args, openelm_few, blockIdx.x, blockIdx.y);
}

constexpr uint32_t divide_up(uint32_t a, uint32_t b) {
  return (a + b - 1) / b;
}

/// Narrow tiles of rows, so that there are blocks for all multiprocessors; many stages, so that enough is on
/// its way. Plain products have the fewest rows and so the narrowest tiles.
template <class Block, uint32_t kTokens, uint32_t kStages, bool kGated>
using Tile = FewTile<Block, kTokens, 32, kGated ? 16 : 8, kStages, kGated>;

/// Calls f with a null pointer to the tile's type.
template <class Block, bool kGated, class F>
void with_tokens(uint32_t n, F f) {
  if (n <= 16) {
    f(static_cast<Tile<Block, 16, 12, kGated>*>(nullptr));
  } else if (n <= 32) {
    f(static_cast<Tile<Block, 32, 10, kGated>*>(nullptr));
  } else {
    f(static_cast<Tile<Block, 64, 8, kGated>*>(nullptr));
  }
}
template <class F>
void with_tile(uint32_t n, bool q4, bool gated, F f) {
  if (q4) {
    gated ? with_tokens<BlockQ4_0, true>(n, f) : with_tokens<BlockQ4_0, false>(n, f);
  } else {
    gated ? with_tokens<BlockQ8_0, true>(n, f) : with_tokens<BlockQ8_0, false>(n, f);
  }
}

}  // namespace

int prepare_gemm_few() {
  cudaError_t error = cudaSuccess;
  for (const uint32_t n : {16u, 32u, 64u}) {
    for (const uint32_t kind : {0u, 1u, 2u, 3u}) {
      with_tile(n, kind % 2 != 0, kind / 2 != 0, [&]<class T>(T*) {
        if (error == cudaSuccess) {
          error = cudaFuncSetAttribute(few_kernel<T>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       T::kSharedBytes);
        }
      });
    }
  }
  return error;
}

int launch_gemm_few(const FewArgs& args, bool q4, bool gated, CUstream_st* stream) {
  const GemmArgs& product = args.product;
  const uint32_t rows = product.y_bf16 != nullptr ? max(product.rows, product.rows_bf16) : product.rows;
  with_tile(product.n, q4, gated, [&]<class T>(T*) {
    const dim3 blocks(divide_up(product.n, T::kTokens), divide_up(rows, T::kOutputs));
    few_kernel<T><<<blocks, T::kThreads, T::kSharedBytes, stream>>>(args);
  });
  return cudaGetLastError();
}

}  // namespace openelm::gpu::cuda
