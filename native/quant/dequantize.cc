#include "quant/dequantize.h"

#include <cstring>

#include "quant/blocks.h"
#include "quant/half.h"

namespace openelm {

void unpack_scale_min(const uint8_t scales[12], size_t j, uint8_t* scale, uint8_t* min) noexcept {
  if (j < 4) {
    *scale = scales[j] & 63;
    *min = scales[j + 4] & 63;
    return;
  }
  *scale = static_cast<uint8_t>((scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4));
  *min = static_cast<uint8_t>((scales[j + 4] >> 4) | ((scales[j] >> 6) << 4));
}

void unpack_q3_scales(const uint8_t packed[12], int8_t scales[16]) noexcept {
  for (size_t j = 0; j < 16; ++j) {
    const int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
    const int high = (packed[8 + j % 4] >> (2 * (j / 4))) & 3;
    scales[j] = static_cast<int8_t>((low | (high << 4)) - 32);
  }
}

namespace {

template <class Block>
Block load(const uint8_t* src, size_t index) {
  Block block;
  std::memcpy(&block, src + index * sizeof(Block), sizeof(Block));
  return block;
}

int quant4(const uint8_t* qs, size_t i) {
  return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
}

/// The 5-bit quant of element i of a Q5_0 or Q5_1 block.
template <class Block>
int quant5(const Block& b, size_t i) {
  return quant4(b.qs, i) | (((b.qh[i / 8] >> (i % 8)) & 1) << 4);
}

/// The two low bits of element i of a Q2_K or Q3_K super-block.
int quant2(const uint8_t* qs, size_t i) {
  return (qs[32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32))) & 3;
}

void expand(const BlockQ8_0& b, float* x) {
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(b.qs[i]);
}

void expand(const BlockQ4_0& b, float* x) {
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(quant4(b.qs, i) - 8);
}

void expand(const BlockQ4_1& b, float* x) {
  const float d = half_to_float(b.d), m = half_to_float(b.m);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(quant4(b.qs, i)) + m;
}

void expand(const BlockQ5_0& b, float* x) {
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(quant5(b, i) - 16);
}

void expand(const BlockQ5_1& b, float* x) {
  const float d = half_to_float(b.d), m = half_to_float(b.m);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(quant5(b, i)) + m;
}

void expand(const BlockIQ4_NL& b, float* x) {
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kGroup; ++i) x[i] = d * static_cast<float>(kIq4Values[quant4(b.qs, i)]);
}

void expand(const BlockQ2_K& b, float* x) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const uint8_t s = b.scales[i / 16];
    x[i] = d * static_cast<float>(s & 15) * static_cast<float>(quant2(b.qs, i)) -
           dmin * static_cast<float>(s >> 4);
  }
}

void expand(const BlockQ3_K& b, float* x) {
  int8_t scales[16];
  unpack_q3_scales(b.scales, scales);
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const int high = (b.hmask[i % 32] >> (i / 32)) & 1;
    x[i] = d * static_cast<float>(scales[i / 16]) * static_cast<float>(quant2(b.qs, i) + 4 * high - 4);
  }
}

void expand(const BlockQ4_K& b, float* x) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (size_t j = 0; j < 8; ++j) {
    uint8_t scale, min;
    unpack_scale_min(b.scales, j, &scale, &min);
    for (size_t l = 0; l < 32; ++l) {
      const int q = (b.qs[32 * (j / 2) + l] >> (4 * (j % 2))) & 15;
      x[32 * j + l] = d * static_cast<float>(scale) * static_cast<float>(q) - dmin * static_cast<float>(min);
    }
  }
}

void expand(const BlockQ5_K& b, float* x) {
  const float d = half_to_float(b.d), dmin = half_to_float(b.dmin);
  for (size_t j = 0; j < 8; ++j) {
    uint8_t scale, min;
    unpack_scale_min(b.scales, j, &scale, &min);
    for (size_t l = 0; l < 32; ++l) {
      const int low = (b.qs[32 * (j / 2) + l] >> (4 * (j % 2))) & 15;
      const int q = low | (((b.qh[l] >> j) & 1) << 4);
      x[32 * j + l] = d * static_cast<float>(scale) * static_cast<float>(q) - dmin * static_cast<float>(min);
    }
  }
}

void expand(const BlockQ6_K& b, float* x) {
  const float d = half_to_float(b.d);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const size_t half = i / 128, quarter = i % 128 / 32, l = i % 32;
    const int low = (b.ql[64 * half + 32 * (quarter % 2) + l] >> (4 * (quarter / 2))) & 15;
    const int high = (b.qh[32 * half + l] >> (2 * quarter)) & 3;
    x[i] = d * static_cast<float>(b.scales[i / 16]) * static_cast<float>((low | (high << 4)) - 32);
  }
}

template <class Block, size_t Elements>
void expand_row(const uint8_t* src, float* dst, size_t n) {
  for (size_t i = 0; i < n / Elements; ++i) expand(load<Block>(src, i), dst + i * Elements);
}

template <float (*Convert)(uint16_t) noexcept>
void expand_16bit(const uint8_t* src, float* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = Convert(load<uint16_t>(src, i));
}

}  // namespace

void dequantize_row(DType type, const uint8_t* src, float* dst, size_t n) noexcept {
  switch (type) {
    case DType::f32:
      std::memcpy(dst, src, n * sizeof(float));
      return;
    case DType::f16:
      expand_16bit<half_to_float>(src, dst, n);
      return;
    case DType::bf16:
      expand_16bit<bfloat_to_float>(src, dst, n);
      return;
    case DType::q8_0:
      expand_row<BlockQ8_0, kGroup>(src, dst, n);
      return;
    case DType::q4_0:
      expand_row<BlockQ4_0, kGroup>(src, dst, n);
      return;
    case DType::q4_1:
      expand_row<BlockQ4_1, kGroup>(src, dst, n);
      return;
    case DType::q5_0:
      expand_row<BlockQ5_0, kGroup>(src, dst, n);
      return;
    case DType::q5_1:
      expand_row<BlockQ5_1, kGroup>(src, dst, n);
      return;
    case DType::iq4_nl:
      expand_row<BlockIQ4_NL, kGroup>(src, dst, n);
      return;
    case DType::q2_k:
      expand_row<BlockQ2_K, kSuperBlock>(src, dst, n);
      return;
    case DType::q3_k:
      expand_row<BlockQ3_K, kSuperBlock>(src, dst, n);
      return;
    case DType::q4_k:
      expand_row<BlockQ4_K, kSuperBlock>(src, dst, n);
      return;
    case DType::q5_k:
      expand_row<BlockQ5_K, kSuperBlock>(src, dst, n);
      return;
    case DType::q6_k:
      expand_row<BlockQ6_K, kSuperBlock>(src, dst, n);
      return;
  }
}

}  // namespace openelm
