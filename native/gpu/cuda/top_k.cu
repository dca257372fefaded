// The largest of a row of logits: slices of it find theirs, and one block merges what they found.

#include <algorithm>

#include "gpu/bodies/top_k.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kSliceThreads = 256;
constexpr uint32_t kMergeThreads = 512;
/// Logits of a row; vocabularies of OpenELM have 32,000 or 32,128.
constexpr uint32_t kLargestVocabulary = 131072;
/// Tokens whose candidates are in memory at a time.
constexpr uint32_t kTokensAtOnce = 32;

__global__ void __launch_bounds__(kSliceThreads) top_k_slice_kernel(TopKArgs args) {
  let_next_start();
  top_k_slice(Block<kSliceThreads>(), args, blockIdx.y, blockIdx.x,
              reinterpret_cast<uint64_t*>(shared_memory()));
}

__global__ void __launch_bounds__(kMergeThreads) top_k_merge_kernel(TopKArgs args) {
  let_next_start();
  top_k_merge(Block<kMergeThreads>(), args, blockIdx.x, reinterpret_cast<uint64_t*>(shared_memory()));
}

constexpr uint32_t slices_of(uint32_t vocab) {
  return (vocab + kTopKSlice - 1) / kTopKSlice;
}

}  // namespace

size_t top_k_bytes(uint32_t n) noexcept {
  return size_t{std::min(n, kTokensAtOnce)} * slices_of(kLargestVocabulary) * kMaxTopK * sizeof(uint64_t);
}

cudaError_t top_k(const Launcher& on, const float* logits, uint32_t vocab, uint32_t n, uint32_t k, void* scratch,
                  Candidate* out) {
  if (vocab > kLargestVocabulary || k > kMaxTopK) return cudaErrorInvalidValue;
  TopKArgs args = {};
  args.partials = address_of(scratch);
  args.vocab = vocab;
  args.k = k;
  args.slices = slices_of(vocab);
  for (uint32_t first = 0; first < n; first += kTokensAtOnce) {
    const uint32_t tokens = std::min(kTokensAtOnce, n - first);
    args.logits = address_of(logits + size_t{first} * vocab);
    args.out = address_of(out + size_t{first} * k);
    cudaError_t error =
        launch(on, top_k_slice_kernel, dim3(args.slices, tokens), kSliceThreads, gpu::top_k_bytes(), args);
    if (error == cudaSuccess)
      error = launch(on, top_k_merge_kernel, dim3(tokens), kMergeThreads, gpu::top_k_bytes(), args);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace openelm::gpu::cuda
