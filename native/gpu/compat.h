#pragma once

// The only file that knows the dialects: CUDA C++, the Metal Shading Language (C++14) and the host's C++20.
// Kernel bodies are written in what the three have in common, with the names defined here for the rest.
// It includes no more than fixed-width integers, so that structs shared with the host may use it.
//
// A kernel runs in groups of threads (a CUDA block, a Metal threadgroup). A group consists of teams (a warp, a
// simdgroup). Bodies are templates on the type of the group, which offers
//
//   lane(), size()      this thread's index in the group, and how many there are
//   barrier()           of the whole group, ordering its accesses to shared and device memory
//   team()              this thread's team
//   team_index(), teams()
//
// and the team
//
//   lane(), size()      size is a power of two, at most 32
//   barrier()           of the team
//   sum(x), max(x)      over the team: float; max also of uint32_t. The same value for every lane, always
//                       added in the same order
//   sum(x, n), max(x, n)  over each aligned run of n lanes; n a power of two, at most size()
//
// All threads of a group (of a team) call these together.

#if defined(__METAL_VERSION__)

#include <metal_stdlib>

#define GPU_FN inline
#define GPU_BOTH inline
#define GPU_DEVICE device
#define GPU_SHARED threadgroup
#define GPU_LOCAL thread
#define GPU_CONSTANT constant constexpr
#define GPU_UNROLL _Pragma("unroll")

#elif defined(__CUDACC__)

#include <cstdint>

#define GPU_FN __device__ __forceinline__
#define GPU_BOTH __host__ __device__ inline
#define GPU_DEVICE
#define GPU_SHARED
#define GPU_LOCAL
#define GPU_CONSTANT constexpr
#define GPU_UNROLL _Pragma("unroll")

#else

#include <cmath>
#include <cstdint>
#include <cstring>

#include "quant/half.h"

#define GPU_FN inline
#define GPU_BOTH inline
#define GPU_DEVICE
#define GPU_SHARED
#define GPU_LOCAL
#define GPU_CONSTANT inline constexpr
#define GPU_UNROLL

#endif

namespace openelm {
namespace gpu {

/// 16 bytes, the widest load.
struct Words4 {
  uint32_t word[4];
};

#if defined(__METAL_VERSION__)

/// Memory at an address that the host passed.
template <class T>
GPU_FN device T* at(uint64_t address) {
  return reinterpret_cast<device T*>(address);
}

GPU_FN float as_float(uint32_t bits) { return as_type<float>(bits); }
GPU_FN uint32_t as_bits(float x) { return as_type<uint32_t>(x); }
GPU_FN float half_bits_to_float(uint32_t h) { return float(as_type<half>(uint16_t(h))); }
GPU_FN uint16_t float_to_half_bits(float x) { return as_type<uint16_t>(half(x)); }
GPU_FN float exp_of(float x) { return metal::precise::exp(x); }
GPU_FN float sqrt_of(float x) { return metal::precise::sqrt(x); }
GPU_FN float fma_of(float a, float b, float c) { return metal::fma(a, b, c); }
GPU_FN float max_of(float a, float b) { return metal::fmax(a, b); }
GPU_FN float abs_of(float x) { return metal::fabs(x); }
GPU_FN float round_of(float x) { return metal::rint(x); }

/// c + Σ a.byte[i] · b.byte[i], signed bytes.
GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  const metal::int4 products = metal::int4(as_type<metal::char4>(a)) * metal::int4(as_type<metal::char4>(b));
  return c + products.x + products.y + products.z + products.w;
}

/// Loads of 2, 4 and 16 bytes, aligned to their size. stream_16: of what is read once.
GPU_FN uint32_t load_2(device const uint8_t* p) { return *reinterpret_cast<device const uint16_t*>(p); }
GPU_FN uint32_t load_4(device const uint8_t* p) { return *reinterpret_cast<device const uint32_t*>(p); }
GPU_FN Words4 load_16(device const uint8_t* p) {
  const metal::uint4 v = *reinterpret_cast<device const metal::uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN Words4 stream_16(device const uint8_t* p) { return load_16(p); }
GPU_FN uint32_t stream_2(device const uint8_t* p) { return load_2(p); }
GPU_FN Words4 shared_16(threadgroup const void* p) {
  const metal::uint4 v = *static_cast<threadgroup const metal::uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN void prefetch(device const uint8_t*) {}
GPU_FN void wait_for_inputs() {}
GPU_FN void let_next_start() {}

#elif defined(__CUDACC__)

template <class T>
GPU_FN T* at(uint64_t address) {
  T* p = reinterpret_cast<T*>(address);
  __builtin_assume(__isGlobal(p));  // loads and stores then need not find out where they go
  return p;
}

GPU_FN float as_float(uint32_t bits) { return __uint_as_float(bits); }
GPU_FN uint32_t as_bits(float x) { return __float_as_uint(x); }
GPU_FN float half_bits_to_float(uint32_t h) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(static_cast<uint16_t>(h)));
  return x;
}
GPU_FN uint16_t float_to_half_bits(float x) {
  uint16_t h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return h;
}
GPU_FN float exp_of(float x) { return expf(x); }
GPU_FN float sqrt_of(float x) { return __fsqrt_rn(x); }
GPU_FN float fma_of(float a, float b, float c) { return __fmaf_rn(a, b, c); }
GPU_FN float max_of(float a, float b) { return fmaxf(a, b); }
GPU_FN float abs_of(float x) { return fabsf(x); }
GPU_FN float round_of(float x) { return rintf(x); }

GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  return __dp4a(static_cast<int32_t>(a), static_cast<int32_t>(b), c);
}

GPU_FN uint32_t load_2(const uint8_t* p) { return *reinterpret_cast<const uint16_t*>(p); }
GPU_FN uint32_t load_4(const uint8_t* p) { return *reinterpret_cast<const uint32_t*>(p); }
GPU_FN Words4 load_16(const uint8_t* p) {
  const uint4 v = *reinterpret_cast<const uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN Words4 stream_16(const uint8_t* p) {
  Words4 v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
      : "l"(p));
  return v;
}
GPU_FN uint32_t stream_2(const uint8_t* p) { return __ldg(reinterpret_cast<const uint16_t*>(p)); }
GPU_FN Words4 shared_16(const void* p) {
  const uint4 v = *static_cast<const uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
/// Asks for a line of memory that will be read soon.
GPU_FN void prefetch(const uint8_t* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

/// Kernels may be launched before those they depend on have ended (programmatic dependent launch). What other
/// kernels wrote may be read, and anything be written, only after wait_for_inputs(), which every body calls;
/// weights, which nothing writes, may be read before. let_next_start(): the next kernel may take idle
/// processors from now on.
GPU_FN void wait_for_inputs() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
GPU_FN void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#else

template <class T>
GPU_FN T* at(uint64_t address) {
  return reinterpret_cast<T*>(address);
}

GPU_FN float as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
GPU_FN uint32_t as_bits(float x) { return std::bit_cast<uint32_t>(x); }
GPU_FN float half_bits_to_float(uint32_t h) { return half_to_float(static_cast<uint16_t>(h)); }
GPU_FN uint16_t float_to_half_bits(float x) { return float_to_half(x); }
GPU_FN float exp_of(float x) { return std::exp(x); }
GPU_FN float sqrt_of(float x) { return std::sqrt(x); }
GPU_FN float fma_of(float a, float b, float c) { return std::fma(a, b, c); }
GPU_FN float max_of(float a, float b) { return std::fmax(a, b); }
GPU_FN float abs_of(float x) { return std::fabs(x); }
GPU_FN float round_of(float x) { return std::nearbyint(x); }

GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  for (uint32_t i = 0; i < 32; i += 8)
    c += static_cast<int8_t>(a >> i) * static_cast<int8_t>(b >> i);
  return c;
}

template <class T>
GPU_FN T load_as(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
GPU_FN uint32_t load_2(const uint8_t* p) { return load_as<uint16_t>(p); }
GPU_FN uint32_t load_4(const uint8_t* p) { return load_as<uint32_t>(p); }
GPU_FN Words4 load_16(const uint8_t* p) { return load_as<Words4>(p); }
GPU_FN Words4 stream_16(const uint8_t* p) { return load_as<Words4>(p); }
GPU_FN uint32_t stream_2(const uint8_t* p) { return load_as<uint16_t>(p); }
GPU_FN Words4 shared_16(const void* p) { return load_as<Words4>(p); }
GPU_FN void prefetch(const uint8_t*) {}
GPU_FN void wait_for_inputs() {}
GPU_FN void let_next_start() {}

#endif

/// bfloat16 bits to float.
GPU_FN float bfloat_bits_to_float(uint32_t b) { return as_float(b << 16); }

GPU_FN uint32_t min_of(uint32_t a, uint32_t b) { return a < b ? a : b; }

}  // namespace gpu
}  // namespace openelm
