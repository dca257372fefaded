#pragma once

// Rows of a slot times activations on tensor cores (PTX: mma.m16n8k32, s8), with the bits of matvec: integers
// are exact, and each of a row's 32 sums gets the same pieces in the same order as a lane of matvec.
//
// A warp takes four neighbouring pieces of every 32, of 8 rows: row i is row i of A, whose other 8 are 0.
// Lane 4 g + t loads 16 bytes of row g: piece t; sums of rows that a slot does not have, or that are left
// from what it had before, are nobody's. Which columns of A these are is of no account, as long as B has the
// activations for them in the same place: its column 2 t has those of the high plane for piece t, 2 t
// + 1 those of the low one, and 0 for other pieces. So the products of piece t come out in lane 4 g + t.

#include "gpu/bodies/chain.h"
#include "gpu/bodies/pieces.h"
#include "gpu/cuda/tensor_core.cuh"

namespace openelm::gpu::cuda {

/// Of piece t of row g, in both planes.
struct PieceProducts {
  int32_t planes[2] = {0, 0};

  GPU_FN int32_t value() const { return planes[0] * 128 + planes[1]; }
};

/// Products of a piece, of one type of weights.
template <class Block>
struct MultiplyPieces;

/// Half a group: 16 columns.
template <>
struct MultiplyPieces<BlockQ8_0> {
  Words4 high_or_low;  // of the lane's column of B, or 0

  GPU_FN void load(PlaneView x, uint32_t, uint32_t col, bool low) {
    high_or_low = shared_16((low ? x.low : x.high) + col);
  }
  GPU_FN int32_t minimum(PlaneView, uint32_t) const { return 0; }
  GPU_FN void run(Words4 quants, PieceProducts& products) const {
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; i += 2)
      mma_s8(products.planes, quants.word[i], quants.word[i + 1], high_or_low.word[i],
             high_or_low.word[i + 1]);
  }
};

/// A group: 32 columns.
template <>
struct MultiplyPieces<BlockQ4_0> {
  Words4 even, odd;  // the first 16 columns, the others

  GPU_FN void load(PlaneView x, uint32_t panel, uint32_t col, bool low) {
    const uint8_t* plane = (low ? x.low : x.high) + col / 2;
    even = shared_16(plane);
    odd = shared_16(plane + panel / 2);
  }
  GPU_FN int32_t minimum(PlaneView x, uint32_t group) const { return 8 * int32_t(x.sums[group]); }
  GPU_FN void run(Words4 quants, PieceProducts& products) const {
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i)
      mma_s8(products.planes, quants.word[i] & 0x0f0f0f0fu, (quants.word[i] >> 4) & 0x0f0f0f0fu, even.word[i],
             odd.word[i]);
  }
};

/// Steps whose loads are under way together.
inline constexpr uint32_t kStepsAtOnce = 4;

/// What a lane multiplies in the slots of a product.
template <class Block>
class ChainSums {
 public:
  template <class Machine>
  GPU_FN ChainSums(const Machine& machine, const ChainProduct& op, PlaneView view, uint32_t panel_columns)
      : x(view), panel(panel_columns), cols(op.w.cols) {
    const uint32_t lane = machine.group().team().lane(), g = lane / 4, t = lane % 4;
    const uint32_t row = min_of(g, op.w.matrices() * op.w.slot_rows - 1);  // not behind the slot
    quants_at = row * op.w.quant_bytes;
    scales_at = scales_in_slot(op.w) + row * op.w.scale_bytes;
    piece = machine.crew().team * 4 + t;
    out_at = g * kRowLanes + piece;
    has_column = g / 2 == t;
    low = g % 2 != 0;
  }

  GPU_FN void run(const uint8_t* slot, uint32_t, float* out) const {
    const uint8_t* quants = slot + quants_at;
    const uint8_t* scales = slot + scales_at;
    float sum = 0;
    uint32_t col = piece * kColumns;  // those of all lanes are there, or none is
    GPU_NO_UNROLL
    for (; col + (kStepsAtOnce - 1) * kStep < cols; col += kStepsAtOnce * kStep)
      sum = add<kStepsAtOnce>(quants, scales, col, sum);
    if (col + kStep < cols) {
      sum = add<2>(quants, scales, col, sum);
      col += 2 * kStep;
    }
    if (col < cols) sum = add<1>(quants, scales, col, sum);
    out[out_at] = sum;
  }

 private:
  enum : uint32_t { kColumns = Piece<Block>::kColumns, kStep = kRowLanes * kColumns };

  /// Steps [0, Steps) of the columns from `col` on: the loads of all before the products of any.
  template <uint32_t Steps>
  GPU_FN float add(const uint8_t* quants, const uint8_t* scales, uint32_t col, float sum) const {
    Words4 words[Steps];
    MultiplyPieces<Block> pieces[Steps];
    float scale[Steps];
    GPU_UNROLL
    for (uint32_t i = 0; i < Steps; ++i) {
      const uint32_t at_col = col + i * kStep;
      words[i] = shared_16(quants + at_col / kColumns * 16);
      pieces[i] = MultiplyPieces<Block>{};
      if (has_column) pieces[i].load(x, panel, at_col, low);
      scale[i] = half_bits_to_float(shared_2(scales + at_col / kGroup * 2)) * x.scales[at_col / kGroup];
    }
    PieceProducts products[Steps];
    GPU_UNROLL
    for (uint32_t i = 0; i < Steps; ++i) pieces[i].run(words[i], products[i]);
    GPU_UNROLL
    for (uint32_t i = 0; i < Steps; ++i)
      sum = fma_of(float(products[i].value() - pieces[i].minimum(x, (col + i * kStep) / kGroup)), scale[i],
                   sum);
    return sum;
  }

  PlaneView x;
  uint32_t panel, cols;
  uint32_t quants_at, scales_at;  // its row's in a slot
  uint32_t piece, out_at;         // of every 32, and where its sum goes
  bool has_column, low;           // of B, and which plane's
};

}  // namespace openelm::gpu::cuda
