#pragma once

// Compat for CUDA C++. Part of compat.h, which says what the functions are.

namespace openelm {
namespace gpu {

template <class T>
GPU_FN T* at(uint64_t address) {
  T* p = reinterpret_cast<T*>(address);
  __builtin_assume(__isGlobal(p));  // loads and stores then need not find out where they go
  return p;
}

GPU_FN float as_float(uint32_t bits) {
  return __uint_as_float(bits);
}
GPU_FN uint32_t as_bits(float x) {
  return __float_as_uint(x);
}
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
GPU_FN float exp_of(float x) {
  return expf(x);
}
GPU_FN float sqrt_of(float x) {
  return __fsqrt_rn(x);
}
/// 1 / x to about a unit in the last place.
GPU_FN float reciprocal_of(float x) {
  float y;
  asm("rcp.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
GPU_FN float fma_of(float a, float b, float c) {
  return __fmaf_rn(a, b, c);
}
GPU_FN float max_of(float a, float b) {
  return fmaxf(a, b);
}
GPU_FN float abs_of(float x) {
  return fabsf(x);
}
GPU_FN float round_of(float x) {
  return rintf(x);
}

GPU_FN int32_t dot4(uint32_t a, uint32_t b, int32_t c) {
  return __dp4a(static_cast<int32_t>(a), static_cast<int32_t>(b), c);
}

GPU_FN uint32_t load_2(const uint8_t* p) {
  return *reinterpret_cast<const uint16_t*>(p);
}
GPU_FN uint32_t load_4(const uint8_t* p) {
  return *reinterpret_cast<const uint32_t*>(p);
}
GPU_FN Words4 load_16(const uint8_t* p) {
  const uint4 v = *reinterpret_cast<const uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN Words4 stream_16(const uint8_t* p) {
  Words4 v;
  // volatile: where it is written, before the barriers behind it.
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
               : "l"(p));
  return v;
}
GPU_FN uint32_t stream_2(const uint8_t* p) {
  uint16_t v;
  asm volatile("ld.global.nc.u16 %0, [%1];" : "=h"(v) : "l"(p));
  return v;
}
GPU_FN uint32_t shared_2(const uint8_t* p) {
  return *reinterpret_cast<const uint16_t*>(p);
}
GPU_FN Words4 shared_16(const void* p) {
  const uint4 v = *static_cast<const uint4*>(p);
  return Words4{{v.x, v.y, v.z, v.w}};
}
GPU_FN void put_shared_16(void* p, Words4 v) {
  *static_cast<uint4*>(p) = make_uint4(v.word[0], v.word[1], v.word[2], v.word[3]);
}
/// Asks for a line of memory that will be read soon.
GPU_FN void prefetch(const uint8_t* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}
/// Asks for so many bytes, 16 at a time, where one instruction does.
GPU_FN void prefetch_run(const uint8_t* p, uint32_t bytes) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  bytes &= ~15u;
  if (bytes > 0)
    asm volatile(
        "cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(reinterpret_cast<uint64_t>(p) & ~uint64_t{15}),
        "r"(bytes));
#endif
}

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

}  // namespace gpu
}  // namespace openelm
