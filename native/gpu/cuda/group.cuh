#pragma once

// A CUDA block as the group that kernel bodies are written for, and its warps as the teams; see gpu/compat.h.

#include <cstdint>

#include "gpu/compat.h"
#include "gpu/cuda/meeting.cuh"

namespace openelm::gpu::cuda {

inline constexpr uint32_t kWarp = 32;

struct Warp {
  GPU_FN uint32_t lane() const { return threadIdx.x % kWarp; }
  GPU_FN static constexpr uint32_t size() { return kWarp; }
  GPU_FN void barrier() const { __syncwarp(); }

  // Butterflies: every lane ends with the same value.
  GPU_FN float sum(float x, uint32_t n = kWarp) const {
    GPU_UNROLL
    for (uint32_t d = kWarp / 2; d > 0; d /= 2)
      if (d < n) x += __shfl_xor_sync(~0u, x, d);
    return x;
  }
  GPU_FN float max(float x, uint32_t n = kWarp) const {
    GPU_UNROLL
    for (uint32_t d = kWarp / 2; d > 0; d /= 2)
      if (d < n) x = fmaxf(x, __shfl_xor_sync(~0u, x, d));
    return x;
  }
  GPU_FN uint32_t max(uint32_t x, uint32_t n = kWarp) const {
    if (n == kWarp) return __reduce_max_sync(~0u, x);
    GPU_UNROLL
    for (uint32_t d = kWarp / 2; d > 0; d /= 2) {
      if (d >= n) continue;
      const uint32_t other = __shfl_xor_sync(~0u, x, d);
      x = x > other ? x : other;
    }
    return x;
  }
};

/// `Threads` is the block's size, known to the compiler.
template <uint32_t Threads>
struct Block {
  static_assert(Threads % kWarp == 0, "whole warps");
  GPU_FN uint32_t lane() const { return threadIdx.x; }
  GPU_FN static constexpr uint32_t size() { return Threads; }
  GPU_FN void barrier() const { __syncthreads(); }
  GPU_FN Warp team() const { return {}; }
  GPU_FN uint32_t team_index() const { return threadIdx.x / kWarp; }
  GPU_FN static constexpr uint32_t teams() { return Threads / kWarp; }
  /// See gpu/bodies/attention.h. One thread releases what the block wrote and acquires what others did; the
  /// barriers before and after do the rest.
  GPU_FN bool last_to_come(uint32_t* counter, uint32_t groups) const {
    __syncthreads();
    return __syncthreads_or(threadIdx.x == 0 && count_arrival(counter, groups));
  }
};

#ifdef __CUDACC__
/// The block's dynamic shared memory.
GPU_FN uint8_t* shared_memory() {
  extern __shared__ __align__(128) uint8_t openelm_shared[];
  return openelm_shared;
}
#endif

}  // namespace openelm::gpu::cuda
