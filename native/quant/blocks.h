#pragma once

// Block formats of quantized weights, as GGUF files store them. One header for every backend, in what C++,
// CUDA C++ and the Metal Shading Language share: plain structs of integers, no alignment beyond a byte. `f16`
// values are kept as their 16 bits (see half.h).

#ifdef __METAL_VERSION__
#include <metal_stdlib>
#define OPENELM_CONSTANT constant constexpr
#else
#include <cstdint>
#define OPENELM_CONSTANT inline constexpr
#endif

namespace openelm {

/// Elements that share a scale in the simple formats.
OPENELM_CONSTANT uint32_t kGroup = 32;
/// Elements of a K-quant super-block, whose sub-blocks' scales are themselves quantized.
OPENELM_CONSTANT uint32_t kSuperBlock = 256;

#pragma pack(push, 1)

/// 8.5 bits an element: x = d * q, q in [-127, 127]. Near-lossless.
struct BlockQ8_0 {
  uint16_t d;         // f16 scale, max|x| / 127
  int8_t qs[kGroup];  // quants
};
static_assert(sizeof(BlockQ8_0) == 34, "as in files");

/// 4.5 bits: x = d * (q - 8), q in [0, 15]. Element i is the low nibble of qs[i], element i + 16 the high
/// one.
struct BlockQ4_0 {
  uint16_t d;              // f16 scale, (signed value of largest magnitude) / -8
  uint8_t qs[kGroup / 2];  // nibbles
};
static_assert(sizeof(BlockQ4_0) == 18, "as in files");

/// 5 bits: x = d * q + m. Nibbles as in Q4_0; for groups far from symmetric.
struct BlockQ4_1 {
  uint16_t d;  // f16 scale
  uint16_t m;  // f16 minimum
  uint8_t qs[kGroup / 2];
};
static_assert(sizeof(BlockQ4_1) == 20, "as in files");

/// 5.5 bits: x = d * (q - 16), q in [0, 31]: low four bits as in Q4_0, bit i of qh is the fifth of element i.
struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];  // little-endian 32-bit mask
  uint8_t qs[kGroup / 2];
};
static_assert(sizeof(BlockQ5_0) == 22, "as in files");

/// 6 bits: x = d * q + m, q as in Q5_0.
struct BlockQ5_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qh[4];
  uint8_t qs[kGroup / 2];
};
static_assert(sizeof(BlockQ5_1) == 24, "as in files");

/// 2.6 bits: 16 sub-blocks of 16, x = d * (scale & 15) * q - dmin * (scale >> 4), q in [0, 3].
/// Element 128h + 32j + l is bits 2j of qs[32h + l].
struct BlockQ2_K {
  uint8_t scales[kSuperBlock / 16];  // low nibble: scale, high nibble: minimum
  uint8_t qs[kSuperBlock / 4];
  uint16_t d;
  uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84, "as in files");

/// 3.4 bits: 16 sub-blocks of 16 with 6-bit signed scales, x = d * scale * (q - 4). Low two bits as in Q2_K,
/// the third is bit (4h + j) of hmask[l].
struct BlockQ3_K {
  uint8_t hmask[kSuperBlock / 8];
  uint8_t qs[kSuperBlock / 4];
  uint8_t scales[12];  // packed 6-bit scales, offset 32
  uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110, "as in files");

/// 4.5 bits: 8 sub-blocks of 32 with 6-bit scales and minima, x = d * scale * q - dmin * min.
/// Elements 64j .. 64j+31 are the low nibbles of qs[32j ..], the next 32 the high ones.
struct BlockQ4_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];  // eight 6-bit scales and minima, see unpack_scale_min in dequantize.h
  uint8_t qs[kSuperBlock / 2];
};
static_assert(sizeof(BlockQ4_K) == 144, "as in files");

/// 5.5 bits: as Q4_K; the fifth bit of sub-block s is bit s of qh.
struct BlockQ5_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[kSuperBlock / 8];
  uint8_t qs[kSuperBlock / 2];
};
static_assert(sizeof(BlockQ5_K) == 176, "as in files");

/// 6.6 bits: 16 sub-blocks of 16 with 8-bit signed scales, x = d * scale * (q - 32), q in [0, 63].
struct BlockQ6_K {
  uint8_t ql[kSuperBlock / 2];  // low four bits
  uint8_t qh[kSuperBlock / 4];  // high two bits
  int8_t scales[kSuperBlock / 16];
  uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210, "as in files");

/// 4.5 bits: as Q4_0, the nibble being an index into kIq4Values: levels denser around zero.
struct BlockIQ4_NL {
  uint16_t d;
  uint8_t qs[kGroup / 2];
};
static_assert(sizeof(BlockIQ4_NL) == 18, "as in files");

#pragma pack(pop)

/// Levels of IQ4_NL.
OPENELM_CONSTANT int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace openelm

#undef OPENELM_CONSTANT
