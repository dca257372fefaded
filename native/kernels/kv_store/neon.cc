// Storing a head's vector in the kv cache, NEON. Bit for bit what quant/quantize.h writes.

#include <cmath>

#include "kernels/simd/neon.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

void store_f16(const float* x, size_t n, uint8_t* dst) {
  for (size_t i = 0; i < n; i += 4) vst1_u8(dst + 2 * i, vreinterpret_u8_f16(vcvt_f16_f32(vld1q_f32(x + i))));
}

/// x, or 0 where it is infinite or NaN.
OPENELM_NEON_INLINE float32x4_t finite(float32x4_t x) {
  const uint32x4_t is_finite = vcltq_f32(vabsq_f32(x), vdupq_n_f32(INFINITY));
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), is_finite));
}

void store_q8_0(const float* x, uint8_t* dst) {
  float32x4_t v[kGroup / 4];
  float32x4_t largest4 = vdupq_n_f32(0);
  for (size_t i = 0; i < kGroup / 4; ++i) {
    v[i] = finite(vld1q_f32(x + 4 * i));
    largest4 = vmaxq_f32(largest4, vabsq_f32(v[i]));
  }
  const float d = vmaxvq_f32(largest4) / 127.0f;
  const float inverse = std::isnormal(d) ? 1.0f / d : 0.0f;
  vst1_lane_u8(dst, vreinterpret_u8_f16(vcvt_f16_f32(vdupq_n_f32(d))), 0);
  vst1_lane_u8(dst + 1, vreinterpret_u8_f16(vcvt_f16_f32(vdupq_n_f32(d))), 1);
  uint8_t* qs = dst + offsetof(BlockQ8_0, qs);
  for (size_t i = 0; i < kGroup / 4; i += 2) {
    // Ties go to even; |x / d| is below 127.5, so nothing is cut off.
    const int16x4_t a = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[i], inverse)));
    const int16x4_t b = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[i + 1], inverse)));
    vst1_u8(qs + 4 * i, vreinterpret_u8_s8(vmovn_s16(vcombine_s16(a, b))));
  }
}

}  // namespace

void kv_store_neon(const float* x, size_t head_dim, KvType type, uint8_t* dst) {
  switch (type) {
    case KvType::f32:
      std::memcpy(dst, x, head_dim * sizeof(float));
      return;
    case KvType::f16:
      store_f16(x, head_dim, dst);
      return;
    case KvType::q8_0:
      for (size_t g = 0; g < head_dim / kGroup; ++g) store_q8_0(x + g * kGroup, dst + g * sizeof(BlockQ8_0));
      return;
  }
}

}  // namespace openelm
