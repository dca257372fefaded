#pragma once

// What a lane takes of a row of weights at a time, in registers, and its products with activations in shared
// memory (activations.h).

#include "gpu/bodies/activations.h"
#include "gpu/bodies/dequantize.h"

namespace openelm {
namespace gpu {

/// sum + eight weights times columns from `col` of a panel of `columns` floats.
GPU_FN float dot_8(GPU_LOCAL const float* weights, GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col,
                   float sum) {
  GPU_SHARED const float* x = reinterpret_cast<GPU_SHARED const float*>(panel) + float_place(col, columns);
  const Words4 first = shared_16(x), last = shared_16(x + columns / 2);
  GPU_UNROLL
  for (uint32_t i = 0; i < 4; ++i) sum = fma_of(weights[i], as_float(first.word[i]), sum);
  GPU_UNROLL
  for (uint32_t i = 0; i < 4; ++i) sum = fma_of(weights[4 + i], as_float(last.word[i]), sum);
  return sum;
}

/// Eight weights as floats.
template <class Block>
struct Piece {
  enum : uint32_t { kColumns = 8 };
  float weights[8];

  GPU_FN static Piece load(Row<Block> row, uint32_t col) {
    Piece piece;
    dequantize_8(row, col, piece.weights);
    return piece;
  }
  /// sum + the products with columns from `col` of a panel of `columns`.
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    return dot_8(weights, panel, columns, col, sum);
  }
};

/// Eight 16-bit floats as they are, so that nothing waits for them before they are needed.
template <class Element>
struct Piece16 {
  enum : uint32_t { kColumns = 8 };
  Words4 words;

  GPU_FN static Words4 load_words(Row<Element> row, uint32_t col) {
    GPU_DEVICE const uint8_t* p = row.quants + uint64_t(col) * 2;
    if (row.cols % 8 == 0) return stream_16(p);
    Words4 words = {{0, 0, 0, 0}};  // rows are not aligned
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i)
      if (col + i < row.cols) words.word[i / 2] |= load_2(p + 2 * i) << (16 * (i % 2));
    return words;
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    float weights[8];
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) weights[i] = Dequantize<Element>::pick(&words, i);
    return dot_8(weights, panel, columns, col, sum);
  }
};
template <>
struct Piece<Half> : Piece16<Half> {
  GPU_FN static Piece load(Row<Half> row, uint32_t col) {
    Piece piece;
    piece.words = load_words(row, col);
    return piece;
  }
};
template <>
struct Piece<Bfloat> : Piece16<Bfloat> {
  GPU_FN static Piece load(Row<Bfloat> row, uint32_t col) {
    Piece piece;
    piece.words = load_words(row, col);
    return piece;
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
  /// The same of a run of a row in shared memory.
  GPU_FN static Piece take(GPU_SHARED const uint8_t* quants, GPU_SHARED const uint8_t* scales, uint32_t col) {
    return Piece{shared_16(quants + col), shared_2(scales + col / kGroup * 2)};
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
  GPU_FN static Piece take(GPU_SHARED const uint8_t* quants, GPU_SHARED const uint8_t* scales, uint32_t col) {
    return Piece{shared_16(quants + col / 2), shared_2(scales + col / kGroup * 2)};
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
