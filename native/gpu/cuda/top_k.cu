// The largest of a row of logits: slices of it find theirs, and one block merges what they found.

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

size_t top_k_bytes() noexcept {
  return size_t{kSmallBatch} * slices_of(kLargestVocabulary) * kMaxTopK * sizeof(uint64_t);
}

cudaError_t top_k(const Launcher& on, const float* logits, uint32_t vocab, uint32_t n, uint32_t k,
                  void* scratch, Candidate* out) {
  if (vocab > kLargestVocabulary || k > kMaxTopK || n > kSmallBatch) return cudaErrorInvalidValue;
  TopKArgs args = {};
  args.logits = address_of(logits);
  args.partials = address_of(scratch);
  args.out = address_of(out);
  args.vocab = vocab;
  args.k = k;
  args.slices = slices_of(vocab);
  const cudaError_t error =
      launch(on, top_k_slice_kernel, dim3(args.slices, n), kSliceThreads, gpu::top_k_bytes(), args);
  if (error != cudaSuccess) return error;
  return launch(on, top_k_merge_kernel, dim3(n), kMergeThreads, gpu::top_k_bytes(), args);
}

}  // namespace openelm::gpu::cuda
