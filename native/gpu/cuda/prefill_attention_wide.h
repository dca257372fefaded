#pragma once

// Prefill attention for heads of 257 to 1024 dims.

#include <cuda_runtime_api.h>

#include "gpu/cuda/prefill_cache.cuh"

namespace openelm::gpu::cuda {

/// As prefill_attention.
cudaError_t prefill_attention_wide(const PrefillAttentionArgs& args, uint32_t tile_count,
                                   cudaStream_t stream);

}  // namespace openelm::gpu::cuda
