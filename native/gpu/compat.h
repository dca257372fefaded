#pragma once

// All that knows the dialects, with its three parts (compat_cuda.h, compat_metal.h, compat_host.h): CUDA C++,
// the Metal Shading Language (C++14) and the host's C++20. Kernel bodies are written in what the three have
// in common, with the names defined here for the rest.
//
// A kernel runs in groups of threads (a CUDA block, a Metal threadgroup). A group consists of teams (a warp,
// a simdgroup). Bodies are templates on the type of the group, which offers
//
//   lane(), size()      this thread's index in the group, and how many there are
//   barrier()           of the whole group, ordering its accesses to shared and device memory
//   team()              this thread's team
//   team_index(), teams()
//
// and the team
//
//   lane(), size()      size is a power of two, at most 32
//   barrier()           of the team
//   sum(x), max(x)      over the team: float; max also of uint32_t. The same value for every lane, always
//                       added in the same order
//   sum(x, n), max(x, n)  over each aligned run of n lanes; n a power of two, at most size()
//
// All threads of a group (of a team) call these together.

#if defined(__METAL_VERSION__)

#include <metal_stdlib>

#define GPU_FN inline
#define GPU_BOTH inline
#define GPU_DEVICE device
#define GPU_SHARED threadgroup
#define GPU_LOCAL thread
#define GPU_CONSTANT constant constexpr
#define GPU_UNROLL _Pragma("unroll")
#define GPU_NO_UNROLL _Pragma("unroll 1")

#elif defined(__CUDACC__)

#include <cstdint>

#define GPU_FN __device__ __forceinline__
#define GPU_BOTH __host__ __device__ inline
#define GPU_DEVICE
#define GPU_SHARED
#define GPU_LOCAL
#define GPU_CONSTANT constexpr
#define GPU_UNROLL _Pragma("unroll")
#define GPU_NO_UNROLL _Pragma("unroll 1")

#else

#include <cstdint>

#define GPU_FN inline
#define GPU_BOTH inline
#define GPU_DEVICE
#define GPU_SHARED
#define GPU_LOCAL
#define GPU_CONSTANT inline constexpr
#define GPU_UNROLL
#define GPU_NO_UNROLL

#endif

namespace openelm {
namespace gpu {

/// 16 bytes, the widest load.
struct Words4 {
  uint32_t word[4];
};

}  // namespace gpu
}  // namespace openelm

#if defined(__METAL_VERSION__)
#include "gpu/compat_metal.h"
#elif defined(__CUDACC__)
#include "gpu/compat_cuda.h"
#else
#include "gpu/compat_host.h"
#endif

namespace openelm {
namespace gpu {

/// bfloat16 bits to float.
GPU_FN float bfloat_bits_to_float(uint32_t b) {
  return as_float(b << 16);
}

GPU_FN uint32_t min_of(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

}  // namespace gpu
}  // namespace openelm
