#pragma once

// Pieces of K-quants as integers: 16 bytes with the low bits of two runs of 16 columns, in two sub-blocks of
// 32 columns (Q4_K, Q5_K) or two of 16 (Q6_K), each with a scale of its own. Neighbouring pieces of a row are
// neighbouring bytes; the planes of activations are split so that they read neighbouring bytes, too. A piece
// counts for 32 columns: those of its super-block are shared out among its eight pieces.

#include "gpu/bodies/pieces.h"

namespace openelm {
namespace gpu {

/// Integers of weights, each four int8, times the same columns of both planes.
struct PlaneSum {
  int32_t high, low;

  GPU_FN void add(uint32_t weights, uint32_t at_high, uint32_t at_low) {
    high = dot4(weights, at_high, high);
    low = dot4(weights, at_low, low);
  }
  GPU_FN float value() const { return float(high * 128 + low); }
};

/// Byte i of a word.
GPU_FN uint32_t byte_of(uint32_t word, uint32_t i) {
  return (word >> (8 * i)) & 255u;
}

/// What Q4_K and Q5_K have in common: the first 16 bytes of a super-block, and sums with minima.
struct HeadK {
  Words4 words;  // d and dmin, f16; twelve bytes with eight scales and minima of 6 bits

  /// Adds the piece at column `col`: `first` is the sum of its run in an even sub-block, `second` in the odd
  /// one behind. Of the two minima, that of sub-block col / 32 is taken, for all of its columns.
  GPU_FN float add(PlaneView view, uint32_t col, PlaneSum first, PlaneSum second, float sum) const {
    const bool late = col % kSuperBlock >= kSuperBlock / 2;  // of the sub-blocks 4 to 7
    const uint32_t scales = late ? (words.word[3] & 0x0f0f0f0fu) | ((words.word[1] >> 2) & 0x30303030u)
                                 : words.word[1] & 0x3f3f3f3fu;
    const uint32_t minima = late ? ((words.word[3] >> 4) & 0x0f0f0f0fu) | ((words.word[2] >> 2) & 0x30303030u)
                                 : words.word[2] & 0x3f3f3f3fu;
    const uint32_t group = col / kGroup, even = group & ~1u;
    const float d = half_bits_to_float(words.word[0] & 0xffffu),
                dmin = half_bits_to_float(words.word[0] >> 16);
    const float at_even = float(byte_of(scales, even % 4)) * view.scales[even];
    const float at_odd = float(byte_of(scales, even % 4 + 1)) * view.scales[even + 1];
    const float product = fma_of(at_odd, second.value(), at_even * first.value());
    const float minimum = float(byte_of(minima, group % 4)) * (view.scales[group] * view.sums[group]);
    return fma_of(-dmin, minimum, fma_of(d, product, sum));
  }
};

template <>
struct Piece<BlockQ4_K> {
  enum : uint32_t { kColumns = 32 };
  HeadK head;
  Words4 quants;

  GPU_FN static Piece load(Row<BlockQ4_K> row, uint32_t col) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    return Piece{{load_16(b)}, stream_16(b + 16 + col % kSuperBlock / 2)};
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    const PlaneView view = plane_view(panel, columns);
    GPU_SHARED const uint8_t* at_high = view.high + col / 2;
    GPU_SHARED const uint8_t* at_low = view.low + col / 2;
    const Words4 high0 = shared_16(at_high), high1 = shared_16(at_high + columns / 2);
    const Words4 low0 = shared_16(at_low), low1 = shared_16(at_low + columns / 2);
    PlaneSum first = {0, 0}, second = {0, 0};
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      first.add(quants.word[i] & 0x0f0f0f0fu, high0.word[i], low0.word[i]);
      second.add((quants.word[i] >> 4) & 0x0f0f0f0fu, high1.word[i], low1.word[i]);
    }
    return head.add(view, col, first, second, sum);
  }
};

template <>
struct Piece<BlockQ5_K> {
  enum : uint32_t { kColumns = 32 };
  HeadK head;
  Words4 fifths, quants;  // the fifth bits of all eight sub-blocks; the low four

  GPU_FN static Piece load(Row<BlockQ5_K> row, uint32_t col) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    return Piece{
        {load_16(b)}, load_16(b + 16 + col / kGroup % 2 * 16), stream_16(b + 48 + col % kSuperBlock / 2)};
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    const PlaneView view = plane_view(panel, columns);
    GPU_SHARED const uint8_t* at_high = view.high + col / 2;
    GPU_SHARED const uint8_t* at_low = view.low + col / 2;
    const Words4 high0 = shared_16(at_high), high1 = shared_16(at_high + columns / 2);
    const Words4 low0 = shared_16(at_low), low1 = shared_16(at_low + columns / 2);
    const uint32_t bit = col % kSuperBlock / 64 * 2;  // of the even sub-block
    PlaneSum first = {0, 0}, second = {0, 0};
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t bits = fifths.word[i] >> bit;
      first.add((quants.word[i] & 0x0f0f0f0fu) | (bits & 0x01010101u) << 4, high0.word[i], low0.word[i]);
      second.add(((quants.word[i] >> 4) & 0x0f0f0f0fu) | (bits & 0x02020202u) << 3, high1.word[i],
                 low1.word[i]);
    }
    return head.add(view, col, first, second, sum);
  }
};

template <>
struct Piece<BlockQ6_K> {
  enum : uint32_t { kColumns = 32 };
  Words4 low, high;  // four bits of the piece's own; two of it, and of one 32 bytes on or back
  uint32_t scales, scale;

  GPU_FN static Piece load(Row<BlockQ6_K> row, uint32_t col) {
    const uint32_t number = col / 32 % 8, part = number / 4;
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    GPU_DEVICE const uint8_t* s = b + 192 + part * 8 + number % 4;
    Piece piece;
    piece.low = stream_16(b + number * 16);
    piece.high = load_16(b + 128 + part * 32 + number % 2 * 16);
    piece.scales = s[0] | uint32_t(s[4]) << 8;
    piece.scale = stream_2(row.scales + col / kSuperBlock * 2);
    return piece;
  }
  /// Four weights of 6 bits, 32 too large, as int8.
  GPU_FN static uint32_t centred(uint32_t weights) {
    return ((weights | 0x80808080u) - 0x20202020u) ^ 0x80808080u;
  }
  GPU_FN float dot(GPU_SHARED uint8_t* panel, uint32_t columns, uint32_t col, float sum) const {
    const PlaneView view = plane_view(panel, columns);
    GPU_SHARED const uint8_t* at_high = view.high + col / 2;
    GPU_SHARED const uint8_t* at_low = view.low + col / 2;
    const Words4 high0 = shared_16(at_high), high1 = shared_16(at_high + columns / 2);
    const Words4 low0 = shared_16(at_low), low1 = shared_16(at_low + columns / 2);
    const uint32_t shift = col / 64 % 2 * 2;  // of the first run's two bits; the second's are four on
    PlaneSum first = {0, 0}, second = {0, 0};
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t bits = high.word[i] >> shift;
      first.add(centred((low.word[i] & 0x0f0f0f0fu) | (bits & 0x03030303u) << 4), high0.word[i],
                low0.word[i]);
      second.add(centred(((low.word[i] >> 4) & 0x0f0f0f0fu) | (bits & 0x30303030u)), high1.word[i],
                 low1.word[i]);
    }
    // 32 columns have one scale of activations: the runs begin at 16 · (col / 32 % 4) of 128, and 64 on.
    const uint32_t group = col / 128 * 4 + col / 64 % 2;
    const float at_first = float(int8_t(scales & 255u)) * view.scales[group];
    const float at_second = float(int8_t(scales >> 8)) * view.scales[group + 2];
    const float product = fma_of(at_second, second.value(), at_first * first.value());
    return fma_of(half_bits_to_float(scale), product, sum);
  }
};

}  // namespace gpu
}  // namespace openelm
