#pragma once

// What the neon kernels share. Everything is `static inline`: internal linkage, so that the linker can never
// hand code compiled for dot products to a caller compiled for the baseline.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace openelm::neon {

/// For what only pays when its arguments are registers of the caller.
#define OPENELM_NEON_INLINE static inline __attribute__((always_inline))

/// Unrolls the loop that follows early enough for GCC to keep arrays of vectors in registers.
#if defined(__clang__)
#define OPENELM_NEON_UNROLL _Pragma("unroll")
#else
#define OPENELM_NEON_UNROLL _Pragma("GCC unroll 16")
#endif

/// Loads after this are not moved before it. Without, GCC's scheduler puts the loads of a whole unrolled loop
/// first and spills the sums.
OPENELM_NEON_INLINE void keep_loads_here() {
  __asm__ volatile("" ::: "memory");
}

static inline size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static inline size_t round_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Four binary16 at any byte address.
OPENELM_NEON_INLINE float32x4_t load_half4(const uint8_t* p) {
  return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

/// Four bfloat16 at any byte address: the upper half of a float.
OPENELM_NEON_INLINE float32x4_t load_bfloat4(const uint8_t* p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}

OPENELM_NEON_INLINE float32x4_t load_float4(const uint8_t* p) {
  return vreinterpretq_f32_u8(vld1q_u8(p));
}

/// One binary16, such as a block's scale: `ldr h` and `fcvt`.
OPENELM_NEON_INLINE float load_half(const uint8_t* p) {
  __fp16 half;
  std::memcpy(&half, p, sizeof half);
  return half;
}

static inline float load_float(const uint8_t* p) {
  float value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

/// eˣ within 9e-8 of the exact value (relative, found on every 97th float of the range) for x in
/// [-87.3, 88.3]; 0 below, e^88.3 above, NaN stays NaN. e⁰ is exactly 1. x = n ln 2 + r with |r| ≤ ln 2 / 2,
/// eʳ = 1 + r + r² P(r), P of degree 4 interpolating at the Chebyshev points (error 1.1e-8), times 2ⁿ through
/// the exponent.
OPENELM_NEON_INLINE float32x4_t exp(float32x4_t x) {
  constexpr float kLowest = -87.3f, kHighest = 88.3f, kLog2E = 1.44269504f;
  // ln 2 in two parts, the first with few enough bits that n times it is exact.
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  const uint32x4_t vanishes = vcltq_f32(x, vdupq_n_f32(kLowest));
  x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(kLowest)), vdupq_n_f32(kHighest));
  const float32x4_t n = vrndnq_f32(vmulq_n_f32(x, kLog2E));
  float32x4_t r = vfmsq_n_f32(x, n, kLn2High);
  r = vfmsq_n_f32(r, n, kLn2Low);
  float32x4_t p = vdupq_n_f32(1.3926213e-3f);
  p = vfmaq_f32(vdupq_n_f32(8.3632030e-3f), p, r);
  p = vfmaq_f32(vdupq_n_f32(4.1666554e-2f), p, r);
  p = vfmaq_f32(vdupq_n_f32(1.6666577e-1f), p, r);
  p = vfmaq_f32(vdupq_n_f32(0.5f), p, r);
  p = vfmaq_f32(r, p, vmulq_f32(r, r));
  p = vaddq_f32(p, vdupq_n_f32(1.0f));
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
  const float32x4_t y = vmulq_f32(p, vreinterpretq_f32_s32(exponent));
  return vbslq_f32(vanishes, vdupq_n_f32(0), y);
}

/// acc[0..3] += v · a[0..3]: one lane of `a` for each accumulator.
OPENELM_NEON_INLINE void fma_lanes(float32x4_t acc[4], float32x4_t v, float32x4_t a) {
  acc[0] = vfmaq_laneq_f32(acc[0], v, a, 0);
  acc[1] = vfmaq_laneq_f32(acc[1], v, a, 1);
  acc[2] = vfmaq_laneq_f32(acc[2], v, a, 2);
  acc[3] = vfmaq_laneq_f32(acc[3], v, a, 3);
}

/// Transposes the 4 × 4 matrix whose rows are v[0..3].
OPENELM_NEON_INLINE void transpose4(float32x4_t v[4]) {
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(v[0], v[1]));
  const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(v[0], v[1]));
  const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(v[2], v[3]));
  const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(v[2], v[3]));
  v[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  v[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  v[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  v[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

/// The sum of four floats in double, for reductions that must not lose what a float cannot hold.
OPENELM_NEON_INLINE float64x2_t add_wide(float64x2_t sum, float32x4_t v) {
  sum = vaddq_f64(sum, vcvt_f64_f32(vget_low_f32(v)));
  return vaddq_f64(sum, vcvt_high_f64_f32(v));
}

}  // namespace openelm::neon
