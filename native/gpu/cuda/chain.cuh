#pragma once

// A block as the machine of a chain (bodies/chain.h), for compute capability 9.0: weights come by bulk copies
// into slots, each with two barriers, for having been filled and having been read; blocks meet by a counter
// in device memory.

#include "gpu/bodies/chain.h"
#include "gpu/chain.h"
#include "gpu/cuda/bulk_copy.cuh"
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

/// What blocks of a chain have, one on each multiprocessor with so much shared memory.
inline ChainLimits limits_of_chains(uint32_t multiprocessors, size_t shared_bytes) {
  constexpr uint32_t kTaken = kChainFixed + 128;  // what is rounded up
  const uint32_t room = shared_bytes > kTaken ? static_cast<uint32_t>(shared_bytes) - kTaken : 0;
  return {multiprocessors, room,       kChainTeams, kWarp, kChainParts, kNormPasses * kChainThreads * 4,
          kSlotBytes,      kMostSlots, kMostFills,  kCrews};
}
/// What a chain takes of it.
inline uint32_t chain_shared_bytes(const ChainArgs& args) {
  return kChainFixed + chain_weights_bytes(args.count) + args.panel_bytes + args.slots * kSlotBytes;
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

#if !defined(__CUDACC__) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)

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
    barriers_are_prepared();
    before_bulk_copies();
  }
  GPU_FN void start_op() { thread = thread_again(); }
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
  /// The round before may have been another crew's, and an odd one that is not over looks like an even one
  /// that is.
  GPU_FN const uint8_t* wait_filled(SlotTurn at_slot) const {
    wait_at(&fixed().filled[at_slot.slot], at_slot.turn, kMostTries);
    return slot(at_slot.slot);
  }
  GPU_FN void leave_slot(uint32_t slot) const {
    group().team().barrier();
    if (group().team().lane() == 0) arrive_at(&fixed().read[slot]);
  }
  GPU_FN static void wait_read(SlotTurn at_slot) {
    wait_at(&fixed().read[at_slot.slot], at_slot.turn, kMostTries);
  }
  GPU_FN void wait_rows() {
    wait_at(&fixed().rows, rows_turn, kMostTries);
    rows_turn ^= 1;
  }

  GPU_FN void arrive() const {
    group().barrier();
    if (thread == 0) count_in(at<uint32_t>(chain.meetings));
  }
  GPU_FN void meet(uint32_t ops) const {
    if (thread == 0) wait_for_count(at<uint32_t>(chain.meetings), ops * gridDim.x, kMostTries);
    group().barrier();
  }
  /// The last block leaves the counters as they were.
  GPU_FN void leave() const {
    if (thread != 0) return;
    uint32_t* come = at<uint32_t>(chain.meetings);
    if (count_arrival(come + kMeetingBytes / 8, gridDim.x)) *come = 0;
  }

  GPU_FN static void expect(uint32_t slot, uint32_t bytes) { arrive_expecting(&fixed().filled[slot], bytes); }
  GPU_FN void copy(uint32_t to, uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    stream_bulk(slot(to) + offset, from, bytes, &fixed().filled[to]);
  }
  GPU_FN static void expect_rows(uint32_t bytes) {
    before_bulk_copies();
    arrive_expecting(&fixed().rows, bytes);
  }
  GPU_FN void copy_rows(uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    copy_bulk(rows() + offset, from, bytes, &fixed().rows);
  }

 private:
  /// A chain whose blocks lose each other becomes an error of the GPU, after seconds, instead of running for
  /// ever.
  static constexpr uint32_t kMostTries = 1u << 23;

  GPU_FN static ChainFixed& fixed() { return *reinterpret_cast<ChainFixed*>(shared_memory()); }
  GPU_FN uint8_t* slot(uint32_t i) const { return panel() + chain.panel_bytes + i * kSlotBytes; }
};

#endif

}  // namespace openelm::gpu::cuda
