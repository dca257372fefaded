#pragma once

// Weights to floats, eight neighbours at a time, as quant/dequantize.cc defines each type.

#include "gpu/bodies/matrix.h"

namespace openelm {
namespace gpu {

/// Eight bytes as two words, by loads of 4 or 2 bytes: what the type's blocks are aligned to.
struct Bytes8 {
  uint32_t word[2];
};
GPU_FN Bytes8 bytes_by_4(GPU_DEVICE const uint8_t* p) {
  return Bytes8{{load_4(p), load_4(p + 4)}};
}
GPU_FN Bytes8 bytes_by_2(GPU_DEVICE const uint8_t* p) {
  return Bytes8{{load_2(p) | load_2(p + 2) << 16, load_2(p + 4) | load_2(p + 6) << 16}};
}

/// Byte i, shifted right and masked.
GPU_FN uint32_t bits_of(Bytes8 bytes, uint32_t i, uint32_t shift, uint32_t mask) {
  return (bytes.word[i / 4] >> (8 * (i % 4) + shift)) & mask;
}

/// Block number `index` of a row.
template <class Block>
GPU_FN GPU_DEVICE const uint8_t* block_at(Row<Block> row, uint32_t index) {
  return row.quants + uint64_t(index) * Layout<Block>::kQuantBytes;
}

/// The 6-bit scale and minimum of sub-block j of a Q4_K or Q5_K super-block.
GPU_FN uint32_t scale_6(GPU_DEVICE const uint8_t* scales, uint32_t j) {
  return j < 4 ? scales[j] & 63 : (scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4);
}
GPU_FN uint32_t minimum_6(GPU_DEVICE const uint8_t* scales, uint32_t j) {
  return j < 4 ? scales[j + 4] & 63 : (scales[j + 4] >> 4) | ((scales[j] >> 6) << 4);
}

/// out[0..8) = elements col .. col + 7; col is a multiple of 8 and smaller than cols. Elements behind the row
/// are 0.
template <class Block>
struct Dequantize;

/// The eight of a type with 2- or 4-byte elements; rows whose length is no multiple of 8 are not aligned.
template <class Element>
struct DequantizeElements {
  GPU_FN static void run(Row<Element> row, uint32_t col, GPU_LOCAL float* out) {
    const uint32_t bytes = sizeof(Element);
    GPU_DEVICE const uint8_t* p = row.quants + uint64_t(col) * bytes;
    if (row.cols % 8 == 0) {
      Words4 words[sizeof(Element) / 2];
      GPU_UNROLL
      for (uint32_t i = 0; i < bytes / 2; ++i) words[i] = load_16(p + 16 * i);
      GPU_UNROLL
      for (uint32_t i = 0; i < 8; ++i) out[i] = Dequantize<Element>::pick(words, i);
      return;
    }
    for (uint32_t i = 0; i < 8; ++i)
      out[i] = col + i < row.cols ? Dequantize<Element>::one(p + i * bytes) : 0.0f;
  }
};

template <>
struct Dequantize<float> : DequantizeElements<float> {
  GPU_FN static float pick(GPU_LOCAL const Words4* words, uint32_t i) {
    return as_float(words[i / 4].word[i % 4]);
  }
  GPU_FN static float one(GPU_DEVICE const uint8_t* p) { return as_float(load_4(p)); }
};
template <>
struct Dequantize<Half> : DequantizeElements<Half> {
  GPU_FN static float pick(GPU_LOCAL const Words4* words, uint32_t i) {
    return half_bits_to_float((words[0].word[i / 2] >> (16 * (i % 2))) & 0xffffu);
  }
  GPU_FN static float one(GPU_DEVICE const uint8_t* p) { return half_bits_to_float(load_2(p)); }
};
template <>
struct Dequantize<Bfloat> : DequantizeElements<Bfloat> {
  GPU_FN static float pick(GPU_LOCAL const Words4* words, uint32_t i) {
    return bfloat_bits_to_float((words[0].word[i / 2] >> (16 * (i % 2))) & 0xffffu);
  }
  GPU_FN static float one(GPU_DEVICE const uint8_t* p) { return bfloat_bits_to_float(load_2(p)); }
};

template <>
struct Dequantize<BlockQ8_0> {
  GPU_FN static void run(Row<BlockQ8_0> row, uint32_t col, GPU_LOCAL float* out) {
    const float d = half_bits_to_float(load_2(row.scales + col / kGroup * 2));
    const Bytes8 bytes = bytes_by_4(row.quants + col);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) out[i] = d * float(int8_t(bits_of(bytes, i, 0, 255)));
  }
};

/// Elements with 4-bit quants, the low nibbles of 16 bytes and then the high ones: where eight of them are.
GPU_FN uint32_t nibble_byte(uint32_t col) {
  return col % 16;
}
GPU_FN uint32_t nibble_shift(uint32_t col) {
  return col % kGroup / 16 * 4;
}

template <>
struct Dequantize<BlockQ4_0> {
  GPU_FN static void run(Row<BlockQ4_0> row, uint32_t col, GPU_LOCAL float* out) {
    const float d = half_bits_to_float(load_2(row.scales + col / kGroup * 2));
    const Bytes8 bytes = bytes_by_4(row.quants + col / kGroup * 16 + nibble_byte(col));
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) out[i] = d * (float(bits_of(bytes, i, nibble_shift(col), 15)) - 8.0f);
  }
};
template <>
struct Dequantize<BlockQ4_1> {
  GPU_FN static void run(Row<BlockQ4_1> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kGroup);
    const float d = half_bits_to_float(load_2(b)), m = half_bits_to_float(load_2(b + 2));
    const Bytes8 bytes = bytes_by_4(b + 4 + nibble_byte(col));
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) out[i] = d * float(bits_of(bytes, i, nibble_shift(col), 15)) + m;
  }
};
template <>
struct Dequantize<BlockQ5_0> {
  GPU_FN static void run(Row<BlockQ5_0> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kGroup);
    const float d = half_bits_to_float(load_2(b));
    const uint32_t fifths = (load_2(b + 2) | load_2(b + 4) << 16) >> (col % kGroup);
    const Bytes8 bytes = bytes_by_2(b + 6 + nibble_byte(col));
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i)
      out[i] = d * (float(bits_of(bytes, i, nibble_shift(col), 15) | ((fifths >> i) & 1) << 4) - 16.0f);
  }
};
template <>
struct Dequantize<BlockQ5_1> {
  GPU_FN static void run(Row<BlockQ5_1> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kGroup);
    const float d = half_bits_to_float(load_2(b)), m = half_bits_to_float(load_2(b + 2));
    const uint32_t fifths = load_4(b + 4) >> (col % kGroup);
    const Bytes8 bytes = bytes_by_4(b + 8 + nibble_byte(col));
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i)
      out[i] = d * float(bits_of(bytes, i, nibble_shift(col), 15) | ((fifths >> i) & 1) << 4) + m;
  }
};
template <>
struct Dequantize<BlockIQ4_NL> {
  GPU_FN static void run(Row<BlockIQ4_NL> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kGroup);
    const float d = half_bits_to_float(load_2(b));
    const Bytes8 bytes = bytes_by_2(b + 2 + nibble_byte(col));
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t level = bits_of(bytes, i, nibble_shift(col), 15);
      // kIq4Values, eight to a word.
      const uint64_t levels = level < 8 ? (uint64_t(0xf6eaddcfu) << 32 | 0xbfad9881u)
                                        : (uint64_t(0x71594535u) << 32 | 0x26190d01u);
      out[i] = d * float(int8_t(levels >> (8 * (level % 8))));
    }
  }
};
template <>
struct Dequantize<BlockQ2_K> {
  GPU_FN static void run(Row<BlockQ2_K> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    const uint32_t e = col % kSuperBlock, s = b[e / 16];
    const float d = half_bits_to_float(load_2(b + 80)) * float(s & 15);
    const float m = half_bits_to_float(load_2(b + 82)) * float(s >> 4);
    const Bytes8 bytes = bytes_by_4(b + 16 + e / 128 * 32 + e % 32);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) out[i] = d * float(bits_of(bytes, i, e % 128 / 32 * 2, 3)) - m;
  }
};
template <>
struct Dequantize<BlockQ3_K> {
  GPU_FN static void run(Row<BlockQ3_K> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    const uint32_t e = col % kSuperBlock, j = e / 16;
    GPU_DEVICE const uint8_t* scales = b + 96;
    const uint32_t low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
    const uint32_t high = (scales[8 + j % 4] >> (2 * (j / 4))) & 3;
    const float d = half_bits_to_float(load_2(b + 108)) * (float(low | high << 4) - 32.0f);
    const Bytes8 thirds = bytes_by_2(b + e % 32), bytes = bytes_by_2(b + 32 + e / 128 * 32 + e % 32);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t q = bits_of(bytes, i, e % 128 / 32 * 2, 3) | bits_of(thirds, i, e / 32, 1) << 2;
      out[i] = d * (float(q) - 4.0f);
    }
  }
};
template <>
struct Dequantize<BlockQ4_K> {
  GPU_FN static void run(Row<BlockQ4_K> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    const uint32_t e = col % kSuperBlock, j = e / 32;
    const float d = half_bits_to_float(load_2(b)) * float(scale_6(b + 4, j));
    const float m = half_bits_to_float(load_2(b + 2)) * float(minimum_6(b + 4, j));
    const Bytes8 bytes = bytes_by_4(b + 16 + j / 2 * 32 + e % 32);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) out[i] = d * float(bits_of(bytes, i, j % 2 * 4, 15)) - m;
  }
};
template <>
struct Dequantize<BlockQ5_K> {
  GPU_FN static void run(Row<BlockQ5_K> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    const uint32_t e = col % kSuperBlock, j = e / 32;
    const float d = half_bits_to_float(load_2(b)) * float(scale_6(b + 4, j));
    const float m = half_bits_to_float(load_2(b + 2)) * float(minimum_6(b + 4, j));
    const Bytes8 fifths = bytes_by_4(b + 16 + e % 32), bytes = bytes_by_4(b + 48 + j / 2 * 32 + e % 32);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i)
      out[i] = d * float(bits_of(bytes, i, j % 2 * 4, 15) | bits_of(fifths, i, j, 1) << 4) - m;
  }
};
template <>
struct Dequantize<BlockQ6_K> {
  GPU_FN static void run(Row<BlockQ6_K> row, uint32_t col, GPU_LOCAL float* out) {
    GPU_DEVICE const uint8_t* b = block_at(row, col / kSuperBlock);
    const uint32_t e = col % kSuperBlock, part = e / 128, quarter = e % 128 / 32, l = e % 32;
    const float d =
        half_bits_to_float(load_2(row.scales + col / kSuperBlock * 2)) * float(int8_t(b[192 + e / 16]));
    const Bytes8 low = bytes_by_4(b + part * 64 + quarter % 2 * 32 + l);
    const Bytes8 high = bytes_by_4(b + 128 + part * 32 + l);
    GPU_UNROLL
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t q = bits_of(low, i, quarter / 2 * 4, 15) | bits_of(high, i, quarter * 2, 3) << 4;
      out[i] = d * (float(q) - 32.0f);
    }
  }
};

template <class Block>
GPU_FN void dequantize_8(Row<Block> row, uint32_t col, GPU_LOCAL float* out) {
  Dequantize<Block>::run(row, col, out);
}

}  // namespace gpu
}  // namespace openelm
