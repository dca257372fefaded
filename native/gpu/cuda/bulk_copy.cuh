#pragma once

// Copies into shared memory that go on by themselves, and the barriers in shared memory that wait for their
// bytes as well as for threads (PTX: cp.async.bulk, mbarrier), for compute capability 9.0. Without nvcc they
// come from an emulation in which fibers play the threads (test/native/gpu/block_emulation.h).

#include <cstdint>

#include "gpu/compat.h"

#ifndef __CUDACC__
#include "gpu/block_emulation.h"
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

namespace openelm::gpu::cuda {

GPU_FN uint32_t bulk_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

/// A round of the barrier ends when so many threads have arrived, and the bytes they expect.
GPU_FN void prepare_barrier(uint64_t* barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bulk_address(barrier)), "r"(arrivals)
               : "memory");
}
/// Behind the last prepare_barrier, by the thread that called it.
GPU_FN void barriers_are_prepared() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
GPU_FN void arrive_at(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bulk_address(barrier)) : "memory");
}
/// Arrives, and has the round wait for so many bytes of copies.
GPU_FN void arrive_expecting(uint64_t* barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bulk_address(barrier)),
               "r"(bytes)
               : "memory");
}
/// Waits for the end of a round, which is even or, odd = 1, odd. After `most_tries`, seconds, the kernel
/// fails.
GPU_FN void wait_at(const uint64_t* barrier, uint32_t odd, uint32_t most_tries) {
  uint32_t done = 0;
  for (uint32_t tries = 0; !done; ++tries) {
    asm volatile(
        "{\n"
        "  .reg .pred p;\n"
        "  mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "  selp.u32 %0, 1, 0, p;\n"
        "}"
        : "=r"(done)
        : "r"(bulk_address(barrier)), "r"(odd)
        : "memory");
    if (tries > most_tries) __trap();
  }
}

/// Before copies to where threads have written and read, by the thread that asks for them.
GPU_FN void before_bulk_copies() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// Begins to copy pieces of 16 bytes; all aligned to them.
GPU_FN void copy_bulk(void* to, const void* from, uint32_t bytes, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          bulk_address(to)),
      "l"(from), "r"(bytes), "r"(bulk_address(barrier))
      : "memory");
}
/// The same of what is read once: the rest of L2 stays.
GPU_FN void stream_bulk(void* to, const void* from, uint32_t bytes, uint64_t* barrier) {
  uint64_t policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1], %2, [%3], %4;" ::"r"(bulk_address(to)),
      "l"(from), "r"(bytes), "r"(bulk_address(barrier)), "l"(policy)
      : "memory");
}

/// The thread's number, asked for anew: what follows from it need not be remembered until then.
GPU_FN uint32_t thread_again() {
  uint32_t thread;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
  return thread;
}

}  // namespace openelm::gpu::cuda

#endif
