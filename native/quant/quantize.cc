#include "quant/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/blocks.h"
#include "quant/half.h"

namespace openelm {
namespace {

/// To the nearest integer, ties to even, for |x| < 2^22: adding 1.5 · 2^23 leaves no bits for a fraction.
/// Unlike std::nearbyint it is not a call on processors that are only assumed to have SSE2.
float round_to_even(float x) {
  constexpr float kShift = 12582912.0f;
  return (x + kShift) - kShift;
}

void quantize(const float* x, BlockQ8_0* b) {
  float largest = 0;
  for (size_t i = 0; i < kGroup; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127.0f;
  const float inverse = std::isnormal(d) ? 1.0f / d : 0.0f;
  b->d = float_to_half(d);
  for (size_t i = 0; i < kGroup; ++i)
    b->qs[i] = static_cast<int8_t>(std::clamp(round_to_even(x[i] * inverse), -127.0f, 127.0f));
}

void quantize(const float* x, BlockQ4_0* b) {
  float largest = 0, extreme = 0;
  for (size_t i = 0; i < kGroup; ++i) {
    if (std::fabs(x[i]) <= largest) continue;
    largest = std::fabs(x[i]);
    extreme = x[i];
  }
  const float d = extreme / -8.0f;
  const float inverse = std::isnormal(d) ? 1.0f / d : 0.0f;
  b->d = float_to_half(d);
  const auto level = [inverse](float v) {
    return static_cast<uint8_t>(std::clamp(v * inverse + 8.5f, 0.0f, 15.0f));
  };
  for (size_t i = 0; i < kGroup / 2; ++i)
    b->qs[i] = static_cast<uint8_t>(level(x[i]) | (level(x[i + kGroup / 2]) << 4));
}

template <class Block>
void quantize_blocks(const float* src, uint8_t* dst, size_t n) {
  for (size_t i = 0; i < n / kGroup; ++i) {
    float finite[kGroup];
    for (size_t j = 0; j < kGroup; ++j)
      finite[j] = std::isfinite(src[i * kGroup + j]) ? src[i * kGroup + j] : 0.0f;
    Block block;
    quantize(finite, &block);
    std::memcpy(dst + i * sizeof(Block), &block, sizeof(Block));
  }
}

template <uint16_t (*Convert)(float) noexcept>
void convert_16bit(const float* src, uint8_t* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const uint16_t bits = Convert(src[i]);
    std::memcpy(dst + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

bool can_quantize(DType type) noexcept {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16 || type == DType::q8_0 ||
         type == DType::q4_0;
}

void quantize_row(DType type, const float* src, uint8_t* dst, size_t n) noexcept {
  switch (type) {
    case DType::f32:
      std::memcpy(dst, src, n * sizeof(float));
      return;
    case DType::f16:
      convert_16bit<float_to_half>(src, dst, n);
      return;
    case DType::bf16:
      convert_16bit<float_to_bfloat>(src, dst, n);
      return;
    case DType::q8_0:
      quantize_blocks<BlockQ8_0>(src, dst, n);
      return;
    case DType::q4_0:
      quantize_blocks<BlockQ4_0>(src, dst, n);
      return;
    default:
      return;
  }
}

}  // namespace openelm
