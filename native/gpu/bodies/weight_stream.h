#pragma once

// The weights of a chain's products on their way to a group, through shared memory: as soon as a slot has
// been read, the next rows are asked for, of whatever op. Memory so goes on reading while groups wait for
// each other, normalize activations or attend: it does not know where one op ends and the next begins.
//
// A slot takes rows that follow each other, their quants and then their scales; or as many of gate and of up:
// quants of gate, of up, scales of gate, of up. Crews of the group take turns: what a crew has read, it fills
// again.

#include "gpu/bodies/chain_ops.h"

namespace openelm {
namespace gpu {

/// A slot, and whether it is in an odd round.
struct SlotTurn {
  uint32_t slot, turn;

  GPU_FN void advance(uint32_t slots) {
    if (++slot == slots) slot = 0, turn ^= 1;
  }
};

/// Crew `index` of `count` of a group: `team` of `teams`.
struct CrewOf {
  uint32_t index, count, team, teams;
};

/// Where the scales of a slot begin.
GPU_FN uint32_t scales_in_slot(GPU_SHARED const ChainWeights& w) {
  return w.matrices() * w.slot_rows * w.quant_bytes;
}

/// The rows that a crew asks for next.
struct FeedPlace {
  uint32_t op, row;
};

/// The rows of the next slot: those behind, or of a later op the first that the group has.
template <class Machine>
GPU_FN FeedPlace rows_behind(GPU_LOCAL const Machine& machine, FeedPlace place) {
  const uint32_t index = machine.index();
  if (place.op >= machine.ops()) return place;
  place.row += machine.weights()[place.op].slot_rows;
  while (place.row >= machine.weights()[place.op].begin_of(index + 1)) {
    if (++place.op == machine.ops()) break;
    place.row = machine.weights()[place.op].begin_of(index);
  }
  return place;
}

/// By one thread of a crew: fills a slot that the crew has read. Machine (chain.h) moves the weights.
template <class Machine>
GPU_FN void feed_slot(GPU_LOCAL const Machine& machine, uint32_t slot) {
  FeedPlace place = *machine.feed_place();
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
  for (uint32_t i = 0; i < machine.crew().count; ++i)
    place = rows_behind(machine, place);  // the others' slots
  *machine.feed_place() = place;
}

/// By one thread of each crew, before anything else: fills all slots.
template <class Machine>
GPU_FN void feed_all_slots(GPU_LOCAL const Machine& machine) {
  const CrewOf crew = machine.crew();
  FeedPlace place = {0, machine.weights()[0].begin_of(machine.index())};
  if (place.row >= machine.weights()[0].begin_of(machine.index() + 1)) place = rows_behind(machine, place);
  for (uint32_t i = 0; i < crew.index; ++i) place = rows_behind(machine, place);
  *machine.feed_place() = place;
  for (uint32_t slot = crew.index; slot < machine.slots(); slot += crew.count) feed_slot(machine, slot);
}

}  // namespace gpu
}  // namespace openelm
