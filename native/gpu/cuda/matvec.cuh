#pragma once

// Products for few tokens, of one type of weights: kernels and their launch, instantiated by matvec_*.cu.
//
// A block computes some rows, a warp each (or a few at a time), for all tokens. Blocks are as many as run at once, and
// every block gets equally many rounds: what counts is that all of the chip's memory requests are in flight from the
// start, and that none of it waits for a last block. Large shared memory is for several tokens' activations.

#include <algorithm>

#include "gpu/bodies/matvec.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {

inline constexpr uint32_t kMatvecThreads = 256;
inline constexpr uint32_t kMatvecTeams = kMatvecThreads / kWarp;
/// Shared memory a block may take: two blocks fit a multiprocessor.
inline constexpr size_t kMatvecShared = 98304;
/// More than this must be asked for.
inline constexpr size_t kDefaultShared = 49152;

template <class Block, uint32_t Tokens>
__global__ void __launch_bounds__(kMatvecThreads, Tokens <= 2 ? 3 : 2) matvec_kernel(MatvecArgs args) {
  let_next_start();
  gpu::matvec<Block, Tokens>(cuda::Block<kMatvecThreads>(), args, blockIdx.x, gridDim.x, shared_memory());
}

template <class Block, uint32_t Tokens>
__global__ void __launch_bounds__(kMatvecThreads, Tokens <= 2 ? 3 : 2) gated_matvec_kernel(GatedMatvecArgs args) {
  let_next_start();
  gpu::gated_matvec<Block, Tokens>(cuda::Block<kMatvecThreads>(), args, blockIdx.x, gridDim.x, shared_memory());
}

/// Blocks for `rows` rows of which a team takes `rows_at_once`: at most what runs at once, rounds being equal.
inline uint32_t matvec_blocks(const Launcher& on, uint32_t rows, uint32_t rows_at_once, uint32_t blocks_per_processor) {
  const uint32_t needed = (rows + rows_at_once * kMatvecTeams - 1) / (rows_at_once * kMatvecTeams);
  const uint32_t at_once = std::max(1u, on.multiprocessors * blocks_per_processor);
  const uint32_t rounds = (needed + at_once - 1) / at_once;
  return rounds == 0 ? 0 : (needed + rounds - 1) / rounds;
}

/// Columns of x in shared memory at a time.
template <class Block, uint32_t Tokens>
uint32_t matvec_panel(uint32_t cols) {
  const uint32_t all = (cols + kPanelMultiple - 1) / kPanelMultiple * kPanelMultiple;
  uint32_t panel = all;
  for (uint32_t parts = 2; panel > kPanelMultiple; ++parts) {
    if (MatvecShared<Block>::bytes(Tokens, panel, kMatvecTeams) <= kMatvecShared) break;
    panel = (all / kPanelMultiple + parts - 1) / parts * kPanelMultiple;
  }
  return panel;
}

template <class Block, uint32_t Tokens, class Args>
cudaError_t launch_matvec(const Launcher& on, void (*kernel)(Args), Args args, uint32_t rows, uint32_t cols) {
  args.panel = matvec_panel<Block, Tokens>(cols);
  const size_t shared = MatvecShared<Block>::bytes(Tokens, args.panel, kMatvecTeams);
  if (shared > kDefaultShared) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kMatvecShared));
    if (error != cudaSuccess) return error;
  }
  const uint32_t blocks = matvec_blocks(on, rows, MatvecShape<Block, Tokens>::rows, Tokens <= 2 ? 3 : 2);
  return launch(on, kernel, dim3(blocks), kMatvecThreads, shared, args);
}

/// run.template operator()<Tokens>() for the least Tokens that hold n. Every kernel adds up a token's products in the
/// same order.
template <class Run>
cudaError_t with_tokens(uint32_t n, Run run) {
  if (n <= 1) return run.template operator()<1>();
  if (n <= 2) return run.template operator()<2>();
  if (n <= 4) return run.template operator()<4>();
  return run.template operator()<8>();
}

template <class Block>
cudaError_t matvec_of(const Launcher& on, const MatvecArgs& args) {
  return with_tokens(args.tokens, [&]<uint32_t Tokens>() {
    return launch_matvec<Block, Tokens>(on, matvec_kernel<Block, Tokens>, args, args.w.rows, args.w.cols);
  });
}

template <class Block>
cudaError_t gated_matvec_of(const Launcher& on, const GatedMatvecArgs& args) {
  return with_tokens(args.tokens, [&]<uint32_t Tokens>() {
    return launch_matvec<Block, Tokens>(on, gated_matvec_kernel<Block, Tokens>, args, args.gate.rows, args.gate.cols);
  });
}

/// In the file of a type.
#define OPENELM_INSTANTIATE_MATVEC(Block)                                       \
  template cudaError_t matvec_of<Block>(const Launcher&, const MatvecArgs&); \
  template cudaError_t gated_matvec_of<Block>(const Launcher&, const GatedMatvecArgs&);

}  // namespace openelm::gpu::cuda
