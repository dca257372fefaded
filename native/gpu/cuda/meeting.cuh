#pragma once

// Counters in device memory that blocks meet by. Without nvcc they come from an emulation in which fibers
// play the threads (test/native/gpu/block_emulation.h).

#include <cstdint>

#include "gpu/compat.h"

#ifndef __CUDACC__
#include "gpu/block_emulation.h"
#else

namespace openelm::gpu::cuda {

/// Counts one of so many arrivals; true for the last one, which also makes the counter 0 again. Releases what
/// the calling thread knows of, and acquires what the others did.
GPU_FN bool count_arrival(uint32_t* counter, uint32_t arrivals) {
  uint32_t before;
  asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(counter), "r"(arrivals - 1)
               : "memory");
  return before == arrivals - 1;
}

/// Counts the calling thread, and releases what it knows of.
GPU_FN void count_in(uint32_t* counter) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}

/// Waits until so many have been counted in, and acquires what they did. After `most_tries`, seconds, the
/// kernel fails.
GPU_FN void wait_for_count(const uint32_t* counter, uint32_t all, uint32_t most_tries) {
  uint32_t come = 0;
  for (uint32_t tries = 0; come < all; ++tries) {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(come) : "l"(counter) : "memory");
    if (tries > most_tries) __trap();
  }
}

}  // namespace openelm::gpu::cuda

#endif
