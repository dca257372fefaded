#pragma once

// Activations of the neon matmul over Q8_0 and Q4_0: 16-bit integers in two int8 planes.
//
// A block of at most 256 columns of a token has one scale, its largest value / 32512, and integers
// a = 256 · hi + lo with hi in [-127, 127] and lo in [-128, 127]. A dot product is then two `sdot`s, whose
// sums are exact. Why planes and not 16-bit multiplies: `sdot` does 16 products an instruction, so both
// planes cost 8 products an instruction; `smlal` on 16-bit lanes does 4, and the weights would have to be
// widened first.
//
// A group of 32 columns cannot overflow: with |w| ≤ 128 the sum over `hi` is at most 32 · 128 · 127 =
// 520,192. Shifted by 8 (133,169,152) it becomes the start of the sum over `lo`, which adds at most 32 · 128
// · 128 = 524,288: 133,693,440 < 2³¹, in all lanes together.

#include <cfloat>

#include "kernels/simd/neon.h"
#include "quant/blocks.h"

namespace openelm::neon {

inline constexpr size_t kActivationBlock = 256;
inline constexpr float kActivationLevels = 127.0f * 256.0f;

/// The packed form of T tokens side by side: for each group of 32 columns [plane hi, lo][half][token][16]
/// int8, then for each block of columns [token] f32 scales.
template <size_t T>
struct Planes {
  static constexpr size_t kGroupBytes = 2 * kGroup * T;

  static size_t scales_offset(size_t cols) { return cols / kGroup * kGroupBytes; }

  /// Bytes from one set of T tokens to the next.
  static size_t stride(size_t cols) {
    const size_t blocks = (cols + kActivationBlock - 1) / kActivationBlock;
    return round_up(scales_offset(cols) + blocks * T * sizeof(float), 64);
  }
};

/// Quantizes `cols` (at most a block) of one token. `planes` points at the first group, 16 bytes a token into
/// it; 16-byte vectors are `step` bytes apart. Returns the scale. Infinite or NaN input makes it so too.
static inline float pack_block(const float* x, size_t cols, int8_t* planes, size_t step) {
  float32x4_t largest4 = vdupq_n_f32(0);
  for (size_t i = 0; i < cols; i += 4) largest4 = vmaxq_f32(largest4, vabsq_f32(vld1q_f32(x + i)));
  const float largest = vmaxvq_f32(largest4);
  const float scale = largest / kActivationLevels;
  // Below the normal floats the inverse would overflow; such a block counts as zero.
  const float inverse = scale >= FLT_MIN ? kActivationLevels / largest : 0.0f;
  for (size_t i = 0; i < cols; i += 16) {
    int16x8_t a[2];
    for (size_t j = 0; j < 2; ++j) {
      const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i + 8 * j), inverse));
      const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i + 8 * j + 4), inverse));
      a[j] = vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
    }
    const int8x16_t hi = vcombine_s8(vrshrn_n_s16(a[0], 8), vrshrn_n_s16(a[1], 8));
    const int8x16_t lo = vcombine_s8(vmovn_s16(a[0]), vmovn_s16(a[1]));
    int8_t* group = planes + i / kGroup * 4 * step;
    const size_t half = i % kGroup / 16;
    vst1q_s8(group + half * step, hi);
    vst1q_s8(group + (2 + half) * step, lo);
  }
  return scale;
}

template <size_t T>
static size_t planes_bytes(size_t tokens, size_t cols) {
  return (tokens + T - 1) / T * Planes<T>::stride(cols);
}

/// MatmulImpl::pack. The tokens missing from the last set of T become zeros.
template <size_t T>
static void pack_planes(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
                        void* packed) {
  const size_t end = last == tokens ? round_up(last, T) : last;
  for (size_t t = first; t < end; ++t) {
    uint8_t* set = static_cast<uint8_t*>(packed) + t / T * Planes<T>::stride(cols);
    int8_t* planes = reinterpret_cast<int8_t*>(set) + t % T * 16;
    float* scales = reinterpret_cast<float*>(set + Planes<T>::scales_offset(cols)) + t % T;
    for (size_t c = 0; c < cols; c += kActivationBlock, scales += T) {
      const size_t count = smaller(kActivationBlock, cols - c);
      int8_t* block = planes + c / kGroup * Planes<T>::kGroupBytes;
      if (t < tokens) {
        *scales = pack_block(x + (t - first) * ldx + c, count, block, 16 * T);
        continue;
      }
      for (size_t v = 0; v < count / 8; ++v) vst1q_s8(block + v * 16 * T, vdupq_n_s8(0));
      *scales = 0;
    }
  }
}

/// The 32 weights of a block as int8 and the factor that its scale leaves out: x = kUnit · d · w.
struct WeightsQ8_0 {
  static constexpr size_t kBytes = sizeof(BlockQ8_0);
  static constexpr float kUnit = 1;

  OPENELM_NEON_INLINE void load(const uint8_t* block, int8x16_t w[2]) {
    const int8_t* qs = reinterpret_cast<const int8_t*>(block + offsetof(BlockQ8_0, qs));
    w[0] = vld1q_s8(qs);
    w[1] = vld1q_s8(qs + 16);
  }
};

/// Nibbles are left in the upper half of their byte, 16 times too large, because flipping the top bit there
/// subtracts 8 for nothing: three instructions for 32 weights instead of four.
struct WeightsQ4_0 {
  static constexpr size_t kBytes = sizeof(BlockQ4_0);
  static constexpr float kUnit = 1.0f / 16;

  OPENELM_NEON_INLINE void load(const uint8_t* block, int8x16_t w[2]) {
    const uint8x16_t flipped = veorq_u8(vld1q_u8(block + offsetof(BlockQ4_0, qs)), vdupq_n_u8(0x88));
    w[0] = vreinterpretq_s8_u8(vshlq_n_u8(flipped, 4));
    w[1] = vreinterpretq_s8_u8(vandq_u8(flipped, vdupq_n_u8(0xf0)));
  }
};

}  // namespace openelm::neon
