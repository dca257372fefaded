#pragma once

// The weights of a chain's products on their way to a group, through shared memory: as soon as a slot has
// been read, the next rows are asked for, of whatever op. Memory so goes on reading while groups wait for
// each other, normalize activations or attend: it does not know where one op ends and the next begins.
//
// A slot takes rows that follow each other, their quants and then their scales; or as many of gate and of up:
// quants of gate, of up, scales of gate, of up. Crews of the group take turns, and of a crew all teams read a
// slot, one after the other for all it matters: none waits for the others but the one whose turn it is to see
// the slot through, which fills it again.

#include "gpu/bodies/chain_ops.h"

namespace openelm {
namespace gpu {

/// Crew `index` of `count` of a group: `team` of `teams`.
struct CrewOf {
  uint32_t index, count, team, teams;

  /// How many of so many slots are a crew's own: every count-th.
  GPU_FN uint32_t own_slots(uint32_t slots) const { return (slots + count - 1 - index) / count; }
};

/// Where a crew is in the stream: its next slot, whether that is in an odd round, and the crew whose turn it
/// is.
struct SlotTurn {
  uint32_t slot, turn, crew;

  /// After a slot of whatever crew.
  GPU_FN void advance(uint32_t slots, CrewOf own) {
    if (crew == own.index) {
      slot += own.count;
      if (slot >= slots) slot = own.index, turn ^= 1;
    }
    if (++crew == own.count) crew = 0;
  }
};

/// Where the scales of a slot begin.
GPU_FN uint32_t scales_in_slot(GPU_SHARED const ChainWeights& w) {
  return w.matrices() * w.slot_rows * w.quant_bytes;
}

/// What a slot is filled with: rows from `row` on, of the chain's op number `op`; of none behind its last.
struct FillPlace {
  uint32_t op, row;
};

/// What all ops' weights are, to shared memory.
template <class Machine>
GPU_FN void list_weights(GPU_LOCAL Machine& machine, GPU_LOCAL const ChainArgs& chain) {
  const auto group = machine.group();
  for (uint32_t i = group.lane(); i < chain.count; i += group.size()) {
    ChainWeights w = {};  // of attention: no rows
    if (!chain.ops[i].is_attention) {
      w = chain.ops[i].product.w;
      const uint32_t rows = w.begin_of(machine.index() + 1) - w.begin_of(machine.index());
      w.slots = (rows + w.slot_rows - 1) / w.slot_rows;
    }
    machine.weights()[i] = w;
  }
}

/// What comes `slots` slots behind the first of op number `op`.
template <class Machine>
GPU_FN FillPlace place_behind(GPU_LOCAL const Machine& machine, uint32_t op, uint32_t slots) {
  for (; op < machine.ops(); ++op) {
    GPU_SHARED const ChainWeights& w = machine.weights()[op];
    if (slots < w.slots) return FillPlace{op, w.begin_of(machine.index()) + slots * w.slot_rows};
    slots -= w.slots;
  }
  return FillPlace{op, 0};
}

/// Before a group begins an op: what each of its slots is filled with when it has been read, so that nobody
/// has to work that out then. crew: whose turn it is. By the last threads: the first has more to do.
template <class Machine>
GPU_FN void plan_fills(GPU_LOCAL const Machine& machine, uint32_t op, uint32_t crew) {
  const auto group = machine.group();
  CrewOf of = machine.crew();
  const uint32_t slots = machine.weights()[op].slots;
  for (uint32_t i = group.size() - 1 - group.lane(); i < slots; i += group.size()) {
    of.index = (crew + i) % of.count;
    machine.fills()[i] = place_behind(machine, op, of.own_slots(machine.slots()) * of.count + i);
  }
}

/// By one thread: fills a slot. Machine (chain.h) moves the weights.
template <class Machine>
GPU_FN void fill_slot(GPU_LOCAL const Machine& machine, uint32_t slot, FillPlace place) {
  if (place.op >= machine.ops()) return;
  GPU_SHARED const ChainWeights& w = machine.weights()[place.op];
  const uint32_t rows = min_of(w.begin_of(machine.index() + 1) - place.row, w.slot_rows);
  const uint32_t quant_bytes = rows * w.quant_bytes, scale_bytes = rows * w.scale_bytes;
  const uint64_t quants_at = uint64_t(place.row) * w.quant_bytes,
                 scales_at = uint64_t(place.row) * w.scale_bytes;
  const uint32_t scales = scales_in_slot(w);
  machine.expect(slot, w.matrices() * (quant_bytes + scale_bytes));
  machine.copy(slot, 0, at<const uint8_t>(w.quants[0] + quants_at), quant_bytes);
  machine.copy(slot, scales, at<const uint8_t>(w.scales[0] + scales_at), scale_bytes);
  if (w.gated) {
    machine.copy(slot, w.slot_rows * w.quant_bytes, at<const uint8_t>(w.quants[1] + quants_at), quant_bytes);
    machine.copy(slot, scales + w.slot_rows * w.scale_bytes, at<const uint8_t>(w.scales[1] + scales_at),
                 scale_bytes);
  }
}

/// Before anything else: fills all slots.
template <class Machine>
GPU_FN void fill_all_slots(GPU_LOCAL const Machine& machine) {
  const auto group = machine.group();
  if (group.team().lane() != 0) return;
  for (uint32_t slot = group.team_index(); slot < machine.slots(); slot += group.teams())
    fill_slot(machine, slot, place_behind(machine, 0, slot));
}

}  // namespace gpu
}  // namespace openelm
