#pragma once

// CUDA's names for blocks, warps and what they wait for each other by, on a host where fibers play the
// threads; those of gpu/cuda/meeting.cuh and bulk_copy.cuh as well. Copies are as late as they may be: what
// they will overwrite turns into NaN at once, and arrives when a thread waits for it.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "gpu/fibers.h"

namespace openelm::gpu::cuda {

inline emulation::Block& block() {
  return *emulation::Block::current_block();
}
inline uint32_t thread_index() {
  return block().thread();
}

template <uint32_t (*kValue)()>
struct Builtin {
  struct {
    operator uint32_t() const { return kValue(); }
  } x;
};
inline constexpr Builtin<thread_index> threadIdx;
inline constexpr Builtin<[] { return block().index(); }> blockIdx;
inline constexpr Builtin<[] { return block().count(); }> gridDim;

inline void __syncthreads() {
  block().block_barrier();
}
inline void __syncwarp() {
  block().warp_step([] {});
}
inline bool __syncthreads_or(bool mine) {
  static std::map<uint32_t, bool> any;
  if (mine) any[block().index()] = true;
  __syncthreads();
  const bool result = any[block().index()];
  __syncthreads();
  if (thread_index() == 0) any[block().index()] = false;
  __syncthreads();
  return result;
}

/// Operands that lanes leave for their warp's collective.
template <class T>
struct Lanes {
  T lane[32];
};
template <class T>
Lanes<T>& lanes() {
  static std::map<uint32_t, Lanes<T>> all;
  return all[block().index() << 16 | thread_index() / 32];
}

template <class T>
T __shfl_xor_sync(uint32_t, T x, uint32_t mask) {
  Lanes<T>& in = lanes<T>();
  const uint32_t lane = thread_index() % 32;
  in.lane[lane] = x;
  __syncwarp();
  const T result = in.lane[lane ^ mask];
  __syncwarp();
  return result;
}
inline uint32_t __reduce_max_sync(uint32_t mask, uint32_t x) {
  for (uint32_t d = 16; d > 0; d /= 2) x = std::max(x, __shfl_xor_sync(mask, x, d));
  return x;
}

/// What all blocks have of shared memory.
inline size_t& shared_bytes() {
  static size_t bytes = 0;
  return bytes;
}
inline uint8_t* shared_memory() {
  static std::map<uint32_t, std::vector<Words4>> all;
  std::vector<Words4>& memory = all[block().index()];
  memory.resize(shared_bytes() / sizeof(Words4));
  return reinterpret_cast<uint8_t*>(memory.data());
}

// Counters in device memory.

inline bool count_arrival(uint32_t* counter, uint32_t arrivals) {
  if (++*counter < arrivals) return false;
  *counter = 0;
  return true;
}
/// How often any thread was counted in.
inline uint64_t& counted_in() {
  static uint64_t times = 0;
  return times;
}
inline void count_in(uint32_t* counter) {
  ++*counter;
  ++counted_in();
}
inline void wait_for_count(const uint32_t* counter, uint32_t all, uint32_t) {
  while (*counter < all) block().wait_while(&counted_in(), counted_in());
}

// Barriers in shared memory, and copies to it.

struct BulkCopy {
  void* to;
  const void* from;
  uint32_t bytes;
};
struct SharedBarrier {
  uint32_t threads = 0, arrived = 0;
  int64_t bytes = 0;  // expected and not there; less than 0 while copies are ahead of what expects them
  uint64_t rounds = 0, changes = 0;  // what those who wait are woken by
  std::vector<BulkCopy> copies;

  void end_round() {
    if (arrived < threads || bytes != 0) return;
    arrived = 0;
    ++rounds;
    ++changes;
  }
};
inline SharedBarrier& barrier_at(const uint64_t* place) {
  static std::map<const uint64_t*, SharedBarrier> all;
  return all[place];
}
[[noreturn]] inline void misused(const char* what) {
  std::printf("Bail out! %s\n", what);
  std::fflush(stdout);
  std::abort();
}

inline void prepare_barrier(uint64_t* place, uint32_t arrivals) {
  barrier_at(place) = {};
  barrier_at(place).threads = arrivals;
}
inline void barriers_are_prepared() {}
inline void arrive_expecting(uint64_t* place, uint32_t bytes) {
  SharedBarrier& barrier = barrier_at(place);
  if (++barrier.arrived > barrier.threads) misused("more threads arrive at a barrier than it waits for");
  barrier.bytes += bytes;
  barrier.end_round();
}
inline void arrive_at(uint64_t* place) {
  arrive_expecting(place, 0);
}
inline void wait_at(const uint64_t* place, uint32_t odd, uint32_t) {
  SharedBarrier& barrier = barrier_at(place);
  while (barrier.rounds % 2 == odd) {
    for (const BulkCopy& copy : std::exchange(barrier.copies, {})) {
      std::memcpy(copy.to, copy.from, copy.bytes);
      barrier.bytes -= copy.bytes;
    }
    const uint64_t changes = barrier.changes;
    barrier.end_round();
    block().wait_while(&barrier.changes, changes);
  }
}
inline void before_bulk_copies() {}
inline void copy_bulk(void* to, const void* from, uint32_t bytes, uint64_t* place) {
  const auto is_whole = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  if (!is_whole(to) || !is_whole(from) || bytes % 16 != 0 || bytes == 0)
    misused("a copy that is not of whole pieces of 16 bytes");
  const uint8_t* begin = shared_memory();
  if (to < begin || static_cast<uint8_t*>(to) + bytes > begin + shared_bytes())
    misused("a copy to where there is no shared memory");
  std::memset(to, 0xff, bytes);
  SharedBarrier& barrier = barrier_at(place);
  barrier.copies.push_back({to, from, bytes});
  ++barrier.changes;
}
inline void stream_bulk(void* to, const void* from, uint32_t bytes, uint64_t* place) {
  copy_bulk(to, from, bytes, place);
}
inline uint32_t thread_again() {
  return thread_index();
}

}  // namespace openelm::gpu::cuda
