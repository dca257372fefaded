#pragma once

// Products for few tokens, of one type of weights: kernels and their launch, instantiated by matvec_*.cu.
//
// A block computes some rows, a warp each (or a few at a time), for all tokens. Blocks are as many as run at
// once, and every block gets equally many rounds: what counts is that all of the chip's memory requests are
// in flight from the start, and that none of it waits for a last block. Large shared memory is for several
// tokens' activations.

#include <algorithm>

#include "gpu/bodies/matvec.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {

inline constexpr uint32_t kMatvecThreads = 512;
inline constexpr uint32_t kMatvecTeams = kMatvecThreads / kWarp;
/// Shared memory a block takes at most; less where the chip has less.
inline constexpr size_t kMatvecShared = 196608;
/// Blocks on a multiprocessor at a time. One of 512 threads instead of two of 256: every block normalizes and
/// quantizes all of x for itself, which halves with their number (on an H100 3B's down 14.9 us instead
/// of 16.7).
inline constexpr uint32_t kMatvecBlocks = 1;
/// More than this must be asked for.
inline constexpr size_t kDefaultShared = 49152;

/// Asks for the first of the rows of this warp, about kFetchAhead bytes, before its inputs are there.
inline constexpr uint32_t kFetchAhead = 8192;
template <class Block, class Rows>
__device__ __forceinline__ void fetch_ahead(Rows rows) {
#if __CUDA_ARCH__ >= 900
  const uint32_t bytes = rows.cols() / Layout<Block>::kElements * Layout<Block>::kQuantBytes;
  const uint32_t lane = threadIdx.x % kWarp;
  const uint32_t round = lane / Rows::kRows, first = blockIdx.x * kMatvecTeams + threadIdx.x / kWarp;
  const uint32_t item = first + round * gridDim.x * kMatvecTeams;
  if (item >= rows.items() || lane * bytes >= kFetchAhead) return;
  const uint64_t begin =
      reinterpret_cast<uint64_t>(rows.row(item, lane % Rows::kRows).quants) & ~uint64_t{15};
  const uint32_t length = (bytes < kFetchAhead ? bytes : kFetchAhead) & ~15u;
  if (length > 0) asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(begin), "r"(length));
#endif
}

template <class Block, uint32_t Tokens>
__global__ void __launch_bounds__(kMatvecThreads, kMatvecBlocks) matvec_kernel(MatvecArgs args) {
  let_next_start();
  fetch_ahead<Block>(PlainRows<Block, Tokens>{args});
  gpu::matvec<Block, Tokens>(cuda::Block<kMatvecThreads>(), args, blockIdx.x, gridDim.x, shared_memory());
}

template <class Block, uint32_t Tokens>
__global__ void __launch_bounds__(kMatvecThreads, kMatvecBlocks) gated_matvec_kernel(GatedMatvecArgs args) {
  let_next_start();
  fetch_ahead<Block>(GatedRows<Block, Tokens>{args});
  gpu::gated_matvec<Block, Tokens>(cuda::Block<kMatvecThreads>(), args, blockIdx.x, gridDim.x,
                                   shared_memory());
}

/// Blocks for `rows` rows of which a team takes `rows_at_once`: at most what runs at once.
inline uint32_t matvec_blocks(const Launcher& on, uint32_t rows, uint32_t rows_at_once) {
  const uint32_t needed = (rows + rows_at_once * kMatvecTeams - 1) / (rows_at_once * kMatvecTeams);
  return std::min(needed, std::max(1u, on.multiprocessors * kMatvecBlocks));
}

/// `rows_at_once`: a team's.
template <class Block, uint32_t Tokens, class Args>
cudaError_t launch_matvec(const Launcher& on, void (*kernel)(Args), Args args, uint32_t rows,
                          uint32_t rows_at_once, uint32_t cols) {
  typedef MatvecShared<Block, Tokens> Shared;
  const size_t most = std::min(kMatvecShared, on.shared_bytes);
  args.panel = Shared::panel(cols, kMatvecTeams, most);
  const size_t shared = Shared::bytes(args.panel, kMatvecTeams);
  if (shared > kDefaultShared) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most));
    if (error != cudaSuccess) return error;
  }
  return launch(on, kernel, dim3(matvec_blocks(on, rows, rows_at_once)), kMatvecThreads, shared, args);
}

/// run.template operator()<Tokens>() for kernels that hold n tokens; all add up a token's products in the
/// same order. Types that are read through floats have but two, as they take long to compile.
template <class Block, class Run>
cudaError_t with_tokens(uint32_t n, Run run) {
  if (n <= 1) return run.template operator()<1>();
  if constexpr (ActivationsOf<Block>::Type::kIntegers) {
    if (n <= 2) return run.template operator()<2>();
    if (n <= 4) return run.template operator()<4>();
  }
  return run.template operator()<kSmallBatch>();
}

template <class Block>
cudaError_t matvec_of(const Launcher& on, const MatvecArgs& args) {
  return with_tokens<Block>(args.tokens, [&]<uint32_t Tokens>() {
    return launch_matvec<Block, Tokens>(on, matvec_kernel<Block, Tokens>, args, args.w.rows,
                                        PlainRows<Block, Tokens>::kRows, args.w.cols);
  });
}

template <class Block>
cudaError_t gated_matvec_of(const Launcher& on, const GatedMatvecArgs& args) {
  return with_tokens<Block>(args.tokens, [&]<uint32_t Tokens>() {
    return launch_matvec<Block, Tokens>(on, gated_matvec_kernel<Block, Tokens>, args, args.gate.rows, 1,
                                        args.gate.cols);
  });
}

/// In the file of a type.
#define OPENELM_INSTANTIATE_MATVEC(Block)                                    \
  template cudaError_t matvec_of<Block>(const Launcher&, const MatvecArgs&); \
  template cudaError_t gated_matvec_of<Block>(const Launcher&, const GatedMatvecArgs&);

}  // namespace openelm::gpu::cuda
