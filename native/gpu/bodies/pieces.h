#pragma once

// What a lane takes of a row of weights at a time, in registers, and its products with activations in shared
// memory (activations.h).

#include "gpu/bodies/activations.h"
#include "gpu/bodies/dequantize.h"

namespace openelm {
namespace gpu {

/// Eight weights as floats.
template <class Block>
struct Piece {
  enum : uint32_t { kColumns = 8 };
  float weight[8];

  GPU_FN static Piece load(Row<Block> row, uint32_t col) {
    Piece piece;
    dequantize_8(row, col, piece.weight);
    return piece;
  }
  /// sum + the products with columns from `col` of a panel of `columns`.
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    GPU_SHARED const float* x = reinterpret_cast<GPU_SHARED const float*>(panel) + float_place(col, columns);
    const Words4 first = shared_16(x), last = shared_16(x + columns / 2);
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) sum = fma_of(weight[i], as_float(first.word[i]), sum);
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) sum = fma_of(weight[4 + i], as_float(last.word[i]), sum);
    return sum;
  }
};

/// Half a group of Q8_0.
template <>
struct Piece<BlockQ8_0> {
  enum : uint32_t { kColumns = 16 };
  Words4 quants;
  uint32_t scale;

  GPU_FN static Piece load(Row<BlockQ8_0> row, uint32_t col) {
    return Piece{stream_16(row.quants + col), stream_2(row.scales + col / kGroup * 2)};
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    const PlaneView view = plane_view(panel, columns);
    const Words4 high = shared_16(view.high + col), low = shared_16(view.low + col);
    int32_t h = 0, l = 0;
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      h = dot4(quants.word[i], high.word[i], h);
      l = dot4(quants.word[i], low.word[i], l);
    }
    const float scales = half_bits_to_float(scale) * view.scales[col / kGroup];
    return fma_of(float(h * 128 + l), scales, sum);
  }
};

/// A group of Q4_0.
template <>
struct Piece<BlockQ4_0> {
  enum : uint32_t { kColumns = 32 };
  Words4 quants;
  uint32_t scale;

  GPU_FN static Piece load(Row<BlockQ4_0> row, uint32_t col) {
    return Piece{stream_16(row.quants + col / 2), stream_2(row.scales + col / kGroup * 2)};
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    const PlaneView view = plane_view(panel, columns);
    GPU_SHARED const uint8_t* at_high = view.high + col / 2;
    GPU_SHARED const uint8_t* at_low = view.low + col / 2;
    const Words4 high0 = shared_16(at_high), high1 = shared_16(at_high + columns / 2);
    const Words4 low0 = shared_16(at_low), low1 = shared_16(at_low + columns / 2);
    int32_t h = 0, l = 0;
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t q0 = quants.word[i] & 0x0f0f0f0fu, q1 = (quants.word[i] >> 4) & 0x0f0f0f0fu;
      h = dot4(q1, high1.word[i], dot4(q0, high0.word[i], h));
      l = dot4(q1, low1.word[i], dot4(q0, low0.word[i], l));
    }
    const uint32_t g = col / kGroup;
    const float scales = half_bits_to_float(scale) * view.scales[g];
    return fma_of(float(h * 128 + l - 8 * int32_t(view.sums[g])), scales, sum);
  }
};

}  // namespace gpu
}  // namespace openelm
