#pragma once

// The ops of a step with one token in one launch: groups that all run at once do one op after the other, and
// meet before each, when they have done what needs no result of the op before. Between ops of a step memory
// would be idle for longer than it reads: here the weights of later ops are on their way all the time
// (weight_stream.h). Products have the bits of matvec, attention those of attend_and_merge.
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
//   arrive(), meet(n)    the group has ended an op; all of it waits until all groups have ended n ops
//   leave()              after the last op
//
// for products, whose slots crews of the group take in turns (CrewOf):
//
//   crew()
//   wait_filled(turn)    waits until a slot of weights is filled; where it is
//   sums(slot), totals() shared memory: kSlotSums floats of a slot, kSlotRows of a team
//   SlotSums<Block>      multiplies rows: see multiply_slots
//   leave_slot(slot)     by all of a team that has read a slot and left its sums
//   wait_read(turn)      waits until all teams of the crew have left a slot
//   fills()              shared memory for what the slots of an op are filled with afterwards
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

/// A slot that its crew has read, number `n` of the op's: fills it again, adds up its rows' sums as a team of
/// matvec does, and stores them from row `first` on; by a team. before: what was in y for the lane's first
/// row.
template <class Machine>
GPU_FN void finish_slot(GPU_LOCAL const Machine& machine, GPU_SHARED const ChainProduct& op, uint32_t slot,
                        uint32_t n, uint32_t first, uint32_t rows, float before) {
  const auto team = machine.group().team();
  GPU_SHARED const float* sums = machine.sums(slot);
  GPU_SHARED float* totals = machine.totals();
  float sum[kSlotRows];
  GPU_UNROLL
  for (uint32_t r = 0; r < kSlotRows; ++r) sum[r] = sums[r * kRowLanes + team.lane()];
  team.barrier();  // others write there as soon as the slot is filled
  if (team.lane() == 0) fill_slot(machine, slot, machine.fills()[n]);
  GPU_UNROLL
  for (uint32_t r = 0; r < kSlotRows; ++r) {
    sum[r] = team.sum(sum[r]);
    if (team.lane() == 0) totals[r] = sum[r];
  }
  team.barrier();
  GPU_DEVICE float* y = at<float>(op.y) + first;
  for (uint32_t r = team.lane(); r < rows; r += team.size()) {
    float value = totals[r];
    if (op.w.gated) value = swiglu_of(value, totals[op.w.slot_rows + r]);
    if (op.add) value += r == team.lane() ? before : y[r];
    y[r] = value;
  }
}

/// A crew's slots of a product. SlotSums<Block>(machine, op, x, panel).run(slot, rows, sums) leaves the sums
/// of each of the slot's rows in sums, in the order of the slot. Teams take turns with what is to be done
/// once all have read a slot, and go on with the next ones meanwhile.
template <class Block, class Machine>
GPU_FN void multiply_slots(GPU_LOCAL Machine& machine, GPU_SHARED const ChainProduct& op, uint32_t panel,
                           GPU_LOCAL SlotTurn& at_slot) {
  const auto team = machine.group().team();
  const CrewOf crew = machine.crew();
  const uint32_t begin = op.w.begin_of(machine.index()), end = op.w.begin_of(machine.index() + 1);
  const typename Machine::template SlotSums<Block> products(machine, op, plane_view(machine.panel(), panel),
                                                            panel);
  uint32_t first = begin, finishing = 0;
  GPU_NO_UNROLL
  for (uint32_t n = 0; first < end; ++n, first += op.w.slot_rows) {
    const SlotTurn now = at_slot;
    at_slot.advance(machine.slots(), crew);
    if (now.crew != crew.index) continue;
    const bool finishes = finishing == crew.team;
    finishing = finishing + 1 == crew.teams ? 0 : finishing + 1;
    const uint32_t rows = min_of(end - first, op.w.slot_rows);
    float before = 0;
    if (finishes && op.add && team.lane() < rows) before = at<float>(op.y)[first + team.lane()];
    products.run(machine.wait_filled(now), rows, machine.sums(now.slot));
    machine.leave_slot(now.slot);
    if (!finishes) continue;
    machine.wait_read(now);
    finish_slot(machine, op, now.slot, n, first, rows, before);
  }
}

template <class Block, class Machine>
GPU_FN void chain_product(GPU_LOCAL Machine& machine, uint32_t number, GPU_SHARED const ChainProduct& op,
                          GPU_LOCAL SlotTurn& at_slot) {
  typedef typename ActivationsOf<Block>::Type Form;
  const uint32_t panel = whole_panel<Form>(op.w.cols);
  prepare_activations<Form>(machine, number, op, panel);
  multiply_slots<Block>(machine, op, panel, at_slot);
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

/// All ops of the chain, by every group of the launch.
template <KvType type, uint32_t HeadDim, class Machine>
GPU_FN void run_chain(GPU_LOCAL Machine& machine, GPU_LOCAL const ChainArgs& chain) {
  list_weights(machine, chain);
  NextOp<Machine>(machine, chain, 0).store();
  machine.group().barrier();
  fill_all_slots(machine);
  SlotTurn at_slot = {machine.crew().index, 0, 0};
  BatchToken of = {0, 0, 0};
  if (chain.list) of = at<const BatchToken>(chain.list)[0];
  for (uint32_t i = 0; i < chain.count; ++i) {
    machine.start_op();
    GPU_SHARED const ChainOp& op = *machine.op(i);
    plan_fills(machine, i, at_slot.crew);
    const NextOp<Machine> next(machine, chain, i + 1);
    if (op.is_attention)
      chain_attention<type, HeadDim>(machine, i, at<uint32_t>(chain.counters), of, chain.part_bytes);
    else if (op.is_q8_0)
      chain_product<BlockQ8_0>(machine, i, op.product, at_slot);
    else
      chain_product<BlockQ4_0>(machine, i, op.product, at_slot);
    next.store();
    if (i + 1 < chain.count) machine.arrive();
  }
  machine.leave();
}

}  // namespace gpu
}  // namespace openelm
