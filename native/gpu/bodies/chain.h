#pragma once

// The ops of a step with one token in one launch: groups that all run at once do one op after the other, and
// meet after each. Between ops of a step memory would be idle for longer than it reads: here the weights of
// later ops are on their way all the time (weight_stream.h). Products have the bits of matvec, attention
// those of attend_and_merge.
//
// Machine is a group with what a chain needs besides:
//
//   start_op()           what follows from which thread this is need not be remembered from here on
//   group()              the group of threads
//   index(), groups()    which of all groups it is, and how many there are
//   ops(), slots()       how many there are: of the chain, of the group
//   weights(), op(i)     shared memory for the weights of all ops, and for one of two ops
//   panel(), squares()   shared memory: panel_bytes of the chain, and 4 bytes a team
//   kAnySize             whether groups may be too small to load the inputs of a norm at once
//   arrive(), meet(n)    the group has ended an op; waits until all groups have ended n ops
//   leave()              after the last op
//
// for products, which crews of the group share out (CrewOf; the number of slots is a multiple of theirs):
//
//   crew(), crew_barrier()
//   sums()               shared memory of a crew: [2][kSlotRows][kRowLanes] floats
//   wait(slot)           waits until a slot of weights is filled; where it is
//   SlotSums<Block>      multiplies rows: see multiply_slots
//   feed_place()         shared memory for the crew's place in the weights
//   expect(slot, bytes), copy(slot, offset, from, bytes)
//                        by one thread: what a slot will get; begins to copy pieces of 16 bytes into it
//
// and for attention:
//
//   part()               of the group (PartOf), with part_bytes of the panel
//   rows()               shared memory for the keys and values of a chunk, where they are copied
//   expect_rows(bytes), copy_rows(offset, from, bytes)
//                        by one thread: what they will be; begins to copy them
//   wait_rows()          waits for them

#include "gpu/bodies/chain_activations.h"
#include "gpu/bodies/chain_attention.h"
#include "gpu/bodies/swiglu.h"
#include "gpu/bodies/weight_stream.h"

namespace openelm {
namespace gpu {

/// Room for the sums of a row that are kept apart until all columns are added: those of the lanes of a team
/// in matvec, where lane i of n takes the i-th of every n pieces.
GPU_CONSTANT uint32_t kRowLanes = 32;

/// Their sum, as a team of matvec adds.
template <class Team>
GPU_FN float sum_lanes(Team team, GPU_SHARED const float* values) {
  return team.sum(values[team.lane()]);
}

/// Adds up the rows of a slot, one for each team of a crew at a time, and stores them. before: what was in y
/// for the team's first row.
template <class Team>
GPU_FN void finish_rows(Team team, CrewOf crew, GPU_SHARED const ChainProduct& op, uint32_t first,
                        uint32_t rows, float before, GPU_SHARED const float* sums) {
  GPU_DEVICE float* y = at<float>(op.y) + first;
  for (uint32_t r = crew.team; r < rows; r += crew.teams) {
    if (op.add && r != crew.team) before = y[r];
    float sum = sum_lanes(team, sums + r * kRowLanes);
    if (op.w.gated) sum = swiglu_of(sum, sum_lanes(team, sums + (op.w.slot_rows + r) * kRowLanes));
    if (team.lane() == 0) y[r] = op.add ? before + sum : sum;
  }
}

/// A crew's slots of a product. SlotSums<Block>::run(machine, op, slot, rows, x, panel, sums) leaves the sums
/// of each of the slot's rows in sums, [kSlotRows][kRowLanes], in the order of the slot.
template <class Block, class Machine>
GPU_FN void multiply_slots(GPU_LOCAL Machine& machine, GPU_SHARED const ChainProduct& op, uint32_t panel,
                           GPU_LOCAL SlotTurn& at_slot) {
  const auto team = machine.group().team();
  const CrewOf crew = machine.crew();
  const uint32_t end = op.w.begin_of(machine.index() + 1), slots = machine.slots();
  const PlaneView x = plane_view(machine.panel(), panel);
  uint32_t odd = 0;  // slots take turns with the sums
  GPU_NO_UNROLL
  for (uint32_t first = op.w.begin_of(machine.index()); first < end; first += op.w.slot_rows) {
    const SlotTurn now = at_slot;
    at_slot.advance(slots);
    if (now.slot % crew.count != crew.index) continue;
    const uint32_t rows = min_of(end - first, op.w.slot_rows);
    float before = 0;
    if (op.add && crew.team < rows) before = at<float>(op.y)[first + crew.team];
    GPU_SHARED const uint8_t* slot = machine.wait(now);
    GPU_SHARED float* sums = machine.sums() + odd * kSlotRows * kRowLanes;
    Machine::template SlotSums<Block>::run(machine, op, slot, rows, x, panel, sums);
    machine.crew_barrier();
    if (crew.team + 1 == crew.teams && team.lane() == 0) feed_slot(machine, now.slot);
    finish_rows(team, crew, op, first, rows, before, sums);
    odd ^= 1;
  }
}

template <class Block, class Machine>
GPU_FN void chain_product(GPU_LOCAL Machine& machine, GPU_SHARED const ChainProduct& op,
                          GPU_LOCAL SlotTurn& at_slot) {
  const uint32_t panel = whole_panel<typename ActivationsOf<Block>::Type>(op.w.cols);
  prepare_activations<typename ActivationsOf<Block>::Type, Machine::kAnySize>(
      machine.group(), op, panel, machine.squares(), machine.panel());
  multiply_slots<Block>(machine, op, panel, at_slot);
}

/// Asks for what an op reads besides weights and the results of the op before.
template <KvType type, class Machine>
GPU_FN void ask_for_inputs(GPU_LOCAL Machine& machine, GPU_SHARED const ChainOp& op, BatchToken of) {
  const auto group = machine.group();
  if (op.is_attention) {
    GPU_SHARED const AttentionArgs& args = op.attention.attention;
    if (group.lane() == 0 && machine.index() < chunks_of(of) * args.kv_heads)
      fetch_chunk<type>(machine, args, of, machine.index());
  } else if (op.product.norm) {
    prefetch_norm(group, at<const float>(op.product.norm), op.product.w.cols);
  }
}

/// The next op, on its way to where all of a group have it at hand; where it is comes from far away.
template <class Machine>
struct NextOp {
  GPU_LOCAL Machine& machine;
  GPU_LOCAL const ChainArgs& chain;
  const uint32_t i;
  uint32_t word;  // the thread's first

  GPU_FN NextOp(GPU_LOCAL Machine& m, GPU_LOCAL const ChainArgs& c, uint32_t number)
      : machine(m), chain(c), i(number), word(0) {
    if (i < chain.count && machine.group().lane() < kWords) word = words()[machine.group().lane()];
  }
  GPU_FN void store() const {
    const auto group = machine.group();
    if (i >= chain.count) return;
    GPU_SHARED uint32_t* to = reinterpret_cast<GPU_SHARED uint32_t*>(machine.op(i));
    if (group.lane() < kWords) to[group.lane()] = word;
    for (uint32_t w = group.lane() + group.size(); w < kWords; w += group.size()) to[w] = words()[w];
  }

 private:
  enum : uint32_t { kWords = sizeof(ChainOp) / 4 };
  GPU_FN GPU_LOCAL const uint32_t* words() const {
    return reinterpret_cast<GPU_LOCAL const uint32_t*>(&chain.ops[i]);
  }
};

/// What all ops' weights are, to shared memory.
template <class Machine>
GPU_FN void list_weights(GPU_LOCAL Machine& machine, GPU_LOCAL const ChainArgs& chain) {
  const auto group = machine.group();
  for (uint32_t i = group.lane(); i < chain.count; i += group.size()) {
    if (chain.ops[i].is_attention)
      machine.weights()[i] = ChainWeights{};  // no rows
    else
      machine.weights()[i] = chain.ops[i].product.w;
  }
}

/// All ops of the chain, by every group of the launch.
template <KvType type, uint32_t HeadDim, class Machine>
GPU_FN void run_chain(GPU_LOCAL Machine& machine, GPU_LOCAL const ChainArgs& chain) {
  list_weights(machine, chain);
  NextOp<Machine>(machine, chain, 0).store();
  machine.group().barrier();
  if (machine.crew().team + 1 == machine.crew().teams && machine.group().team().lane() == 0)
    feed_all_slots(machine);
  SlotTurn at_slot = {0, 0};
  BatchToken of = {0, 0, 0};
  if (chain.list) of = at<const BatchToken>(chain.list)[0];
  for (uint32_t i = 0; i < chain.count; ++i) {
    machine.start_op();
    GPU_SHARED const ChainOp& op = *machine.op(i);
    ask_for_inputs<type>(machine, op, of);
    if (i > 0) machine.meet(i);
    const NextOp<Machine> next(machine, chain, i + 1);
    if (op.is_attention)
      chain_attention<type, HeadDim>(machine, i, at<uint32_t>(chain.counters), of, chain.part_bytes);
    else if (op.is_q8_0)
      chain_product<BlockQ8_0>(machine, op.product, at_slot);
    else
      chain_product<BlockQ4_0>(machine, op.product, at_slot);
    next.store();
    if (i + 1 < chain.count) machine.arrive();
  }
  machine.leave();
}

}  // namespace gpu
}  // namespace openelm
