#pragma once

// A block as the machine of a chain (bodies/chain.h), for compute capability 9.0: weights come by bulk copies
// into slots, each with a barrier in shared memory that counts their bytes (PTX: cp.async.bulk, mbarrier);
// blocks meet by a counter in device memory.

#include "gpu/bodies/chain.h"
#include "gpu/cuda/chain_sums.cuh"
#include "gpu/cuda/group.cuh"

namespace openelm::gpu::cuda {

inline constexpr uint32_t kChainThreads = 512;
inline constexpr uint32_t kChainTeams = kChainThreads / kWarp;
/// Crews of 8 warps: a warp takes 4 of 32 pieces of a row.
inline constexpr uint32_t kCrews = 2, kCrewThreads = kChainThreads / kCrews,
                          kCrewTeams = kChainTeams / kCrews;
/// Room for two rows of the largest ffn of the family, OpenELM-3B's 12,288 columns in Q8_0.
inline constexpr uint32_t kSlotBytes = 26112, kMostSlots = 8;
/// Slots that a block's rows of an op fill: OpenELM's 32,000 logits fill 36 on the fewest multiprocessors
/// that come with compute capability 9.0, 114.
inline constexpr uint32_t kMostFills = 64;
/// Parts in attention, of as many threads as the kernel for attention alone has (decode_attention.cu).
inline constexpr uint32_t kChainParts = 4, kPartThreads = kChainThreads / kChainParts;

/// Shared memory: this; then the weights of all ops, the panel, slots.
struct ChainFixed {
  uint64_t filled[kMostSlots], read[kMostSlots], rows;  // barriers
  FillPlace fills[kMostFills];
  float squares[kChainTeams];
  float sums[kMostSlots][kSlotSums], totals[kChainTeams][kSlotRows];
  ChainOp ops[2];
};
inline constexpr uint32_t kChainFixed = (sizeof(ChainFixed) + 127) / 128 * 128;

/// What the weights of so many ops take.
GPU_BOTH uint32_t chain_weights_bytes(uint32_t ops) {
  return (ops * static_cast<uint32_t>(sizeof(ChainWeights)) + 127) / 128 * 128;
}

/// A block and its parts whose threads have been told who they are, once an op. From threadIdx the compiler
/// would work out everything that each kind of op needs before the first op, and have no registers left.
struct ChainWarp : Warp {
  uint32_t thread;

  GPU_FN explicit ChainWarp(uint32_t number) : thread(number) {}
  GPU_FN uint32_t lane() const { return thread % kWarp; }
};
template <uint32_t Threads>
struct ChainThreads {
  uint32_t thread;

  GPU_FN uint32_t lane() const { return thread % Threads; }
  GPU_FN static constexpr uint32_t size() { return Threads; }
  GPU_FN ChainWarp team() const { return ChainWarp(thread); }
  GPU_FN uint32_t team_index() const { return thread % Threads / kWarp; }
  GPU_FN static constexpr uint32_t teams() { return Threads / kWarp; }
};
struct ChainGroup : ChainThreads<kChainThreads> {
  GPU_FN void barrier() const { __syncthreads(); }
  GPU_FN bool last_to_come(uint32_t* counter, uint32_t groups) const {
    __syncthreads();
    return __syncthreads_or(thread == 0 && count_arrival(counter, groups));
  }
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

struct ChainMachine {
  enum : bool { kAnySize = false };
  template <class Block>
  using SlotSums = ChainSums<Block>;
  const ChainArgs& chain;
  uint32_t thread;
  uint32_t panel_at;   // the panel's offset in shared memory
  uint32_t rows_turn;  // how often rows were waited for, modulo 2

  GPU_FN explicit ChainMachine(const ChainArgs& args)
      : chain(args), panel_at(kChainFixed + chain_weights_bytes(args.count)), rows_turn(0) {
    start_op();
    if (thread != 0) return;
    for (uint32_t i = 0; i < chain.slots; ++i) {
      prepare_barrier(&fixed().filled[i], 1);
      prepare_barrier(&fixed().read[i], kCrewTeams);
    }
    prepare_barrier(&fixed().rows, 1);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  GPU_FN void start_op() { asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread)); }
  GPU_FN ChainGroup group() const { return {{thread}}; }
  GPU_FN static uint32_t index() { return blockIdx.x; }
  GPU_FN static uint32_t groups() { return gridDim.x; }
  GPU_FN PartOf<kPartQueries, ChainThreads<kPartThreads>> part() const {
    return {{thread}, thread / kPartThreads, kChainParts};
  }
  GPU_FN uint32_t ops() const { return chain.count; }
  GPU_FN static ChainWeights* weights() {
    return reinterpret_cast<ChainWeights*>(shared_memory() + kChainFixed);
  }
  GPU_FN static ChainOp* op(uint32_t i) { return &fixed().ops[i % 2]; }
  GPU_FN static float* squares() { return fixed().squares; }
  GPU_FN uint8_t* panel() const { return shared_memory() + panel_at; }
  GPU_FN uint8_t* rows() const { return panel() + kChainParts * chain.part_bytes; }

  GPU_FN uint32_t slots() const { return chain.slots; }
  GPU_FN CrewOf crew() const {
    return {thread / kCrewThreads, kCrews, thread % kCrewThreads / kWarp, kCrewTeams};
  }
  GPU_FN static float* sums(uint32_t slot) { return fixed().sums[slot]; }
  GPU_FN float* totals() const { return fixed().totals[thread / kWarp]; }
  GPU_FN static FillPlace* fills() { return fixed().fills; }
  GPU_FN const uint8_t* wait_filled(SlotTurn at_slot) const {
    wait_for(&fixed().filled[at_slot.slot], at_slot.turn);
    return slot(at_slot.slot);
  }
  GPU_FN void leave_slot(uint32_t slot) const {
    group().team().barrier();
    if (group().team().lane() == 0)
      asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address(&fixed().read[slot])) : "memory");
  }
  GPU_FN static void wait_read(SlotTurn at_slot) { wait_for(&fixed().read[at_slot.slot], at_slot.turn); }
  GPU_FN void wait_rows() {
    wait_for(&fixed().rows, rows_turn);
    rows_turn ^= 1;
  }

  GPU_FN void arrive() const {
    group().barrier();
    if (thread == 0) asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(chain.meetings) : "memory");
  }
  GPU_FN void meet(uint32_t ops) const {
    if (thread == 0) {
      const uint32_t all = ops * gridDim.x;
      uint32_t come = 0;
      for (uint32_t tries = 0; come < all; ++tries) {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(come) : "l"(chain.meetings) : "memory");
        if (tries > kMostTries) __trap();
      }
    }
    group().barrier();
  }
  /// The last block leaves the counters as they were.
  GPU_FN void leave() const {
    if (thread != 0) return;
    uint32_t* come = at<uint32_t>(chain.meetings);
    if (count_arrival(come + kMeetingBytes / 8, gridDim.x)) *come = 0;
  }

  GPU_FN static void expect(uint32_t slot, uint32_t bytes) { expect(&fixed().filled[slot], bytes); }
  GPU_FN void copy(uint32_t to, uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    uint64_t policy;  // weights are read once: the rest of L2 stays
    asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
        "[%0], [%1], %2, [%3], %4;" ::"r"(address(slot(to) + offset)),
        "l"(from), "r"(bytes), "r"(address(&fixed().filled[to])), "l"(policy)
        : "memory");
  }
  GPU_FN static void expect_rows(uint32_t bytes) {
    asm volatile("fence.proxy.async.shared::cta;" ::
                     : "memory");  // what was there was written and read by threads
    expect(&fixed().rows, bytes);
  }
  GPU_FN void copy_rows(uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            address(rows() + offset)),
        "l"(from), "r"(bytes), "r"(address(&fixed().rows))
        : "memory");
  }

 private:
  /// A chain whose blocks lose each other becomes an error of the GPU, after seconds, instead of running for
  /// ever.
  static constexpr uint32_t kMostTries = 1u << 23;

  GPU_FN static ChainFixed& fixed() { return *reinterpret_cast<ChainFixed*>(shared_memory()); }
  GPU_FN static uint32_t address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

  GPU_FN uint8_t* slot(uint32_t i) const { return panel() + chain.panel_bytes + i * kSlotBytes; }
  GPU_FN static void prepare_barrier(uint64_t* barrier, uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address(barrier)), "r"(arrivals) : "memory");
  }
  GPU_FN static void expect(uint64_t* barrier, uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address(barrier)), "r"(bytes)
                 : "memory");
  }
  GPU_FN static void wait_for(const uint64_t* barrier, uint32_t turn) {
    uint32_t done = 0;
    for (uint32_t tries = 0; !done; ++tries) {
      asm volatile(
          "{\n"
          "  .reg .pred p;\n"
          "  mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
          "  selp.u32 %0, 1, 0, p;\n"
          "}"
          : "=r"(done)
          : "r"(address(barrier)), "r"(turn)
          : "memory");
      if (tries > kMostTries) __trap();
    }
  }
};

#endif

}  // namespace openelm::gpu::cuda
