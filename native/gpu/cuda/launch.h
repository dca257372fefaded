#pragma once

// How kernels are launched: with programmatic dependent launch where the chip has it. A kernel then starts
// while its predecessor still runs, fetches weights, and waits (compat.h: the group's wait_for_inputs) before
// it reads anything the predecessor writes. Within a recorded pass this hides most of the gap between
// kernels.

#include <cuda_runtime.h>

#include <cstdint>

namespace openelm::gpu::cuda {

/// Where and how. Plain data, passed to every function that launches.
struct Launcher {
  cudaStream_t stream = nullptr;
  uint32_t multiprocessors = 0;
  size_t shared_bytes = 0;  // of a block, at most
  bool overlap = false;     // compute capability 9.0 and newer
};

/// Enqueues `kernel` and returns the launch's error. Every kernel launched so waits for its inputs in all
/// threads.
template <class... Parameters, class... Arguments>
cudaError_t launch(const Launcher& on, void (*kernel)(Parameters...), dim3 blocks, uint32_t threads,
                   size_t shared_bytes, Arguments... arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return cudaSuccess;
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = on.stream;
  config.attrs = &overlap;
  config.numAttrs = on.overlap ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

}  // namespace openelm::gpu::cuda
