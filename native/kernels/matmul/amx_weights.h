#pragma once

// Weight rows as bf16, rounded to nearest even, in steps of 32 columns: one row of a tile, 64 bytes. Shared
// by the variants that multiply bf16.
//
// A format's expand(row, first, cols, steps, out) writes columns first .. first + 32 · steps of a row, zeros
// from `cols` on, one step after the other. Counts are of vector instructions a step.

#include "kernels/matmul/zmm_formats.h"

namespace openelm {
namespace {

constexpr size_t kTile = 16;         // rows or tokens of a tile
constexpr size_t kStepColumns = 32;  // columns of a tile
constexpr size_t kStepBytes = kStepColumns * 2;
constexpr size_t kTileBytes = kTile * kStepBytes;
constexpr size_t kMostSteps = 8;  // of one call

/// 16 and 16 floats as 32 bf16.
inline __m512i to_bf16(__m512 low, __m512 high) {
  return __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(high, low));
}

/// 32 floats from column k of x, zeros from `cols` on, as bf16.
inline __m512i load_bf16(const float* x, size_t k, size_t cols) {
  const size_t left = cols - k;
  return to_bf16(_mm512_maskz_loadu_ps(first_lanes(left), x + k),
                 _mm512_maskz_loadu_ps(first_lanes(left > 16 ? left - 16 : 0), x + k + 16));
}

struct Bf16FromF32 {
  static constexpr bool kNibbles = false;
  static void expand(const uint8_t* row, size_t first, size_t cols, size_t steps, uint8_t* out) {
    for (size_t s = 0; s < steps; ++s, out += kStepBytes) {
      const size_t k = first + s * kStepColumns, left = cols - k;
      const __m512 low = _mm512_maskz_loadu_ps(first_lanes(left), row + 4 * k);
      const __m512 high = _mm512_maskz_loadu_ps(first_lanes(left > 16 ? left - 16 : 0), row + 4 * k + 64);
      _mm512_storeu_si512(out, to_bf16(low, high));
    }
  }
};

struct Bf16FromF16 {
  static constexpr bool kNibbles = false;
  static void expand(const uint8_t* row, size_t first, size_t cols, size_t steps, uint8_t* out) {
    for (size_t s = 0; s < steps; ++s, out += kStepBytes) {
      const size_t k = first + s * kStepColumns, left = cols - k;
      const __m256i low = _mm256_maskz_loadu_epi16(first_lanes(left), row + 2 * k);
      const __m256i high = _mm256_maskz_loadu_epi16(first_lanes(left > 16 ? left - 16 : 0), row + 2 * k + 32);
      _mm512_storeu_si512(out, to_bf16(_mm512_cvtph_ps(low), _mm512_cvtph_ps(high)));
    }
  }
};

/// Copied.
struct Bf16FromBf16 {
  static constexpr bool kNibbles = false;
  static void expand(const uint8_t* row, size_t first, size_t cols, size_t steps, uint8_t* out) {
    for (size_t s = 0; s < steps; ++s, out += kStepBytes) {
      const size_t k = first + s * kStepColumns, left = cols - k;
      const __mmask32 lanes = left >= kStepColumns ? 0xffffffffu : (1u << left) - 1u;
      _mm512_storeu_si512(out, _mm512_maskz_loadu_epi16(lanes, row + 2 * k));
    }
  }
};

/// Four f16 `stride` bytes apart as one word. Formed in integer registers: small stores would not forward to
/// a vector load.
inline long long four_halves(const uint8_t* p, size_t stride) {
  const uint64_t word = load_u16(p) | static_cast<uint64_t>(load_u16(p + stride)) << 16 |
                        static_cast<uint64_t>(load_u16(p + 2 * stride)) << 32 |
                        static_cast<uint64_t>(load_u16(p + 3 * stride)) << 48;
  return static_cast<long long>(word);
}

/// The f16 at the start of each block, as f32.
template <class Block>
void load_scales(const uint8_t* p, size_t blocks, float* scales) {
  if (blocks == kMostSteps) {
    const __m128i halves =
        _mm_set_epi64x(four_halves(p + 4 * sizeof(Block), sizeof(Block)), four_halves(p, sizeof(Block)));
    _mm256_store_ps(scales, _mm256_cvtph_ps(halves));
    return;
  }
  for (size_t b = 0; b < blocks; ++b)
    scales[b] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(load_u16(p + b * sizeof(Block)))));
}

/// 2 widenings, 2 conversions, 2 products, about 3 to round; scales are one more.
struct Bf16FromQ8_0 {
  static constexpr bool kNibbles = false;
  static void expand(const uint8_t* row, size_t first, size_t /*cols*/, size_t steps, uint8_t* out) {
    const uint8_t* p = row + first / kGroup * sizeof(BlockQ8_0);
    alignas(32) float scales[kMostSteps];
    load_scales<BlockQ8_0>(p, steps, scales);
    for (size_t s = 0; s < steps; ++s, p += sizeof(BlockQ8_0), out += kStepBytes) {
      const __m512 d = _mm512_set1_ps(scales[s]);
      const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_i128(p + 2)));
      const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_i128(p + 18)));
      _mm512_storeu_si512(out, to_bf16(_mm512_mul_ps(low, d), _mm512_mul_ps(high, d)));
    }
  }
};

/// Levels of Q4_0.
constexpr int8_t kQ4Values[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

/// Sixteen levels times the block's scale are a table of bf16, twice, that vpermw looks up by the low five
/// bits of words shifted by 0, 4, 8 and 12: no widening, no masking. A product, about 3 to round, a shift, a
/// lookup. The columns come out in the order of pack's nibble form.
template <class Block, const int8_t* kLevels>
struct Bf16FromNibbles {
  static constexpr bool kNibbles = true;
  static void expand(const uint8_t* row, size_t first, size_t /*cols*/, size_t steps, uint8_t* out) {
    const __m512i shifts = _mm512_set_epi16(12, 12, 12, 12, 12, 12, 12, 12, 8, 8, 8, 8, 8, 8, 8, 8,  //
                                            4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512 levels = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_i128(kLevels)));
    const uint8_t* p = row + first / kGroup * sizeof(Block);
    alignas(32) float scales[kMostSteps];
    load_scales<Block>(p, steps, scales);
    for (size_t s = 0; s < steps; ++s, p += sizeof(Block), out += kStepBytes) {
      const __m512 scaled = _mm512_mul_ps(levels, _mm512_set1_ps(scales[s]));
      const __m512i words = _mm512_srlv_epi16(_mm512_broadcast_i32x4(load_i128(p + 2)), shifts);
      _mm512_storeu_si512(out, _mm512_permutexvar_epi16(words, to_bf16(scaled, scaled)));
    }
  }
};

/// The other block formats, group by group: 2 widenings, 2 conversions, 2 products or multiply-adds, about 3
/// to round, and what the format takes. `first` is a multiple of 256 columns.
template <class Format>
struct Bf16FromGroups {
  static constexpr bool kNibbles = Format::kOrder == Order::nibbles;
  static_assert(kMostSteps == kBlockGroups);
  static void expand(const uint8_t* row, size_t first, size_t /*cols*/, size_t steps, uint8_t* out) {
    Format format;
    format.open(row, first / kColumnBlock, steps);
    alignas(32) float scales[kMostSteps], offsets[kMostSteps];
    _mm256_store_ps(scales, format.scale);
    if constexpr (Format::kOffset) _mm256_store_ps(offsets, format.offset);
    for (size_t s = 0; s < steps; ++s, out += kStepBytes) {
      const __m512i q = format.group(s);
      const __m512 d = _mm512_set1_ps(scales[s]);
      __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(q)));
      __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(q, 1)));
      if constexpr (Format::kOffset) {
        const __m512 offset = _mm512_set1_ps(offsets[s]);
        low = _mm512_fmadd_ps(low, d, offset);
        high = _mm512_fmadd_ps(high, d, offset);
      } else {
        low = _mm512_mul_ps(low, d);
        high = _mm512_mul_ps(high, d);
      }
      _mm512_storeu_si512(out, to_bf16(low, high));
    }
  }
};

/// Any type through the reference dequantizer. `first` is a multiple of the type's block.
template <DType type>
struct Bf16FromAny {
  static constexpr bool kNibbles = false;
  static void expand(const uint8_t* row, size_t first, size_t cols, size_t steps, uint8_t* out) {
    alignas(64) float buffer[kMostSteps * kStepColumns];
    const size_t count = min_of(cols - first, steps * kStepColumns);
    dequantize_row(type, row + row_bytes(type, first), buffer, count);
    for (size_t s = 0; s < steps; ++s, out += kStepBytes)
      _mm512_storeu_si512(out, load_bf16(buffer, s * kStepColumns, count));
  }
};

}  // namespace
}  // namespace openelm
