#pragma once

// Compat for the host's C++20. Part of compat.h, which says what the functions are.

#include <bit>
#include <cmath>
#include <cstring>

#include "quant/half.h"

namespace openelm {
namespace gpu {

template <class T>
GPU_FN T* at(uint64_t address) {
  return reinterpret_cast<T*>(address);
}

GPU_FN float as_float(uint32_t bits) {
  return std::bit_cast<float>(bits);
}
GPU_FN uint32_t as_bits(float x) {
  return std::bit_cast<uint32_t>(x);
}
GPU_FN float half_bits_to_float(uint32_t h) {
  return half_to_float(static_cast<uint16_t>(h));
}
GPU_FN uint16_t float_to_half_bits(float x) {
  return float_to_half(x);
}
GPU_FN float exp_of(float x) {
  return std::exp(x);
}
GPU_FN float sqrt_of(float x) {
  return std::sqrt(x);
}
/// 1 / x to about a unit in the last place.
GPU_FN float reciprocal_of(float x) {
  return 1.0f / x;
}
GPU_FN float fma_of(float a, float b, float c) {
  return std::fma(a, b, c);
}
GPU_FN float max_of(float a, float b) {
  return std::fmax(a, b);
}
GPU_FN float abs_of(float x) {
  return std::fabs(x);
}
GPU_FN float round_of(float x) {
  return std::nearbyint(x);
}

GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  for (uint32_t i = 0; i < 32; i += 8) c += static_cast<int8_t>(a >> i) * static_cast<int8_t>(b >> i);
  return c;
}

template <class T>
GPU_FN T load_as(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
GPU_FN uint32_t load_2(const uint8_t* p) {
  return load_as<uint16_t>(p);
}
GPU_FN uint32_t load_4(const uint8_t* p) {
  return load_as<uint32_t>(p);
}
GPU_FN Words4 load_16(const uint8_t* p) {
  return load_as<Words4>(p);
}
GPU_FN Words4 stream_16(const uint8_t* p) {
  return load_as<Words4>(p);
}
GPU_FN uint32_t stream_2(const uint8_t* p) {
  return load_as<uint16_t>(p);
}
GPU_FN uint32_t shared_2(const uint8_t* p) {
  return load_as<uint16_t>(p);
}
GPU_FN Words4 shared_16(const void* p) {
  return load_as<Words4>(p);
}
GPU_FN void put_shared_16(void* p, Words4 v) {
  std::memcpy(p, &v, sizeof v);
}
GPU_FN void prefetch(const uint8_t*) {}
GPU_FN void prefetch_run(const uint8_t*, uint32_t) {}
GPU_FN void wait_for_inputs() {}
GPU_FN void let_next_start() {}

}  // namespace gpu
}  // namespace openelm
