#pragma once

// The ops of a chain (chain.h), by value, as host and device exchange them.

#include "gpu/bodies/activations.h"
#include "gpu/bodies/arguments.h"

namespace openelm {
namespace gpu {

/// Columns of matrices that a chain multiplies are a multiple of this: rows of scales then begin at multiples
/// of 16 bytes, as copies into shared memory have to.
GPU_CONSTANT uint32_t kChainColumns = 256;

/// Most rows that a slot of weights has: some of a matrix, or half as many of gate and the same of up behind
/// them.
GPU_CONSTANT uint32_t kSlotRows = 8;

/// Room for the sums of a row that are kept apart until all columns are added: those of the lanes of a team
/// in matvec, where lane i of n takes the i-th of every n pieces.
GPU_CONSTANT uint32_t kRowLanes = 32;

/// Floats of a slot's sums, [kSlotRows][kRowLanes].
GPU_CONSTANT uint32_t kSlotSums = kSlotRows * kRowLanes;

/// The weights of a product.
struct ChainWeights {
  uint64_t quants[2], scales[2];      // of gate and up, or of the one matrix first
  uint32_t cols;                      // of a matrix
  uint32_t quant_bytes, scale_bytes;  // of a row
  uint32_t gated;
  uint32_t slot_rows;  // of a matrix; 0: no product
  // Rows are shared out among groups: `share` for each, and one more for the first `extra` groups.
  uint32_t share, extra;
  uint32_t slots;  // that a group's rows fill; each group counts its own (list_weights)

  GPU_BOTH uint32_t matrices() const { return gated ? 2 : 1; }
  /// The first row of a group.
  GPU_BOTH uint32_t begin_of(uint32_t group) const { return share * group + (group < extra ? group : extra); }
};

/// y (=|+=) w · x' or, gated, y = swiglu(gate · x', up · x') for one token; x' = x or rms_norm(x) · norm.
struct ChainProduct {
  ChainWeights w;
  uint64_t x, norm, y;
  float eps;
  uint32_t add;  // 1: +=
};

struct ChainOp {
  uint32_t is_attention;
  uint32_t is_q8_0;  // or Q4_0
  union {
    ChainProduct product;
    FreshAttentionArgs attention;
  };
};

/// So many that all arguments fit what a kernel may be given, 32,764 bytes.
GPU_CONSTANT uint32_t kMostChainOps = 200;

struct ChainArgs {
  uint64_t meetings;  // uint32_t: groups that have come to the end of an op; then, apart, how many have left
  uint64_t counters;  // of attention
  uint64_t list;      // the token of attention; 0 where there is none
  uint32_t count;
  uint32_t panel_bytes;  // shared memory for activations or attention
  uint32_t part_bytes;   // of it, for a part of a group in attention
  uint32_t slots;        // of a group
  ChainOp ops[kMostChainOps];
};

/// Bytes of ChainArgs::meetings: the two numbers are in lines of their own. Both are 0 before and after.
GPU_CONSTANT uint32_t kMeetingBytes = 256;

}  // namespace gpu
}  // namespace openelm
