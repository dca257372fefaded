#pragma once

// Compat for the Metal Shading Language. Part of compat.h, which says what the functions are.

namespace openelm {
namespace gpu {

/// Memory at an address that the host passed.
template <class T>
GPU_FN device T* at(uint64_t address) {
  return reinterpret_cast<device T*>(address);
}

GPU_FN float as_float(uint32_t bits) {
  return as_type<float>(bits);
}
GPU_FN uint32_t as_bits(float x) {
  return as_type<uint32_t>(x);
}
GPU_FN float half_bits_to_float(uint32_t h) {
  return float(as_type<half>(uint16_t(h)));
}
GPU_FN uint16_t float_to_half_bits(float x) {
  return as_type<uint16_t>(half(x));
}
GPU_FN float exp_of(float x) {
  return metal::precise::exp(x);
}
GPU_FN float sqrt_of(float x) {
  return metal::precise::sqrt(x);
}
/// 1 / x to about a unit in the last place.
GPU_FN float reciprocal_of(float x) {
  return 1.0f / x;
}
GPU_FN float fma_of(float a, float b, float c) {
  return metal::fma(a, b, c);
}
GPU_FN float max_of(float a, float b) {
  return metal::fmax(a, b);
}
GPU_FN float abs_of(float x) {
  return metal::fabs(x);
}
GPU_FN float round_of(float x) {
  return metal::rint(x);
}

/// c + Σ a.byte[i] · b.byte[i], signed bytes.
GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  const metal::int4 products = metal::int4(as_type<metal::char4>(a)) * metal::int4(as_type<metal::char4>(b));
  return c + products.x + products.y + products.z + products.w;
}

/// Loads of 2, 4 and 16 bytes, aligned to their size. stream_16: of what is read once.
GPU_FN uint32_t load_2(device const uint8_t* p) {
  return *reinterpret_cast<device const uint16_t*>(p);
}
GPU_FN uint32_t load_4(device const uint8_t* p) {
  return *reinterpret_cast<device const uint32_t*>(p);
}
GPU_FN Words4 load_16(device const uint8_t* p) {
  const metal::uint4 v = *reinterpret_cast<device const metal::uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN Words4 stream_16(device const uint8_t* p) {
  return load_16(p);
}
GPU_FN uint32_t stream_2(device const uint8_t* p) {
  return load_2(p);
}
GPU_FN uint32_t shared_2(threadgroup const uint8_t* p) {
  return *reinterpret_cast<threadgroup const uint16_t*>(p);
}
GPU_FN Words4 shared_16(threadgroup const void* p) {
  const metal::uint4 v = *static_cast<threadgroup const metal::uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN void put_shared_16(threadgroup void* p, Words4 v) {
  *static_cast<threadgroup metal::uint4*>(p) = metal::uint4(v.word[0], v.word[1], v.word[2], v.word[3]);
}
GPU_FN void prefetch(device const uint8_t*) {}
GPU_FN void prefetch_run(device const uint8_t*, uint32_t) {}
GPU_FN void wait_for_inputs() {}
GPU_FN void let_next_start() {}

}  // namespace gpu
}  // namespace openelm
