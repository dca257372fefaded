#pragma once

// Products for few tokens: weights stream from their blocks, once for up to four tokens, and meet the
// activations along the columns, eight partial sums an output. Bound by memory for one token.
//
// One row at a time: the processor's prefetchers follow one stream in memory, and lose two that lie a row
// apart.

#include "kernels/matmul/avx2_formats.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

/// Asks for the weights some way on, across the ends of rows and of pages. Only types bound by arithmetic
/// gain.
template <size_t bytes>
inline void prefetch(const uint8_t* p) {
  constexpr size_t kAhead = 4096;
#pragma GCC unroll 8
  for (size_t i = 0; i < bytes; i += 64)
    _mm_prefetch(reinterpret_cast<const char*>(p) + kAhead + i, _MM_HINT_T0);
}

/// The sums of T outputs: `part` is a block's, yet to be multiplied by the token's scale, `total` what came
/// before and what does not need the scale.
template <int T>
struct RowSums {
  __m256 part[T], total[T];

  void clear(__m256 v[T]) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) v[t] = _mm256_setzero_ps();
  }
  template <class Packed>
  void add_minimum(__m256 minimum, const Packed* x) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) total[t] = _mm256_fmadd_ps(minimum, _mm256_load_ps(x[t].sums), total[t]);
  }
  template <class Packed>
  void close(const Packed* x) {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t)
      total[t] = _mm256_fmadd_ps(part[t], _mm256_broadcast_ss(&x[t].scale), total[t]);
  }
};

/// Any format, with 16-bit activations.
template <class Format, int T>
struct WideBlock {
  using Packed = Wide;
  static constexpr bool kPrefetch = false;

  static void add(const uint8_t* p, const Wide* x, RowSums<T>& sums) {
    Format format;
    format.open(p);
    // A scale is spread over a vector by shuffles: loads are what there are too many of.
    const __m256 low = _mm256_permute2f128_ps(format.scale, format.scale, 0);
    const __m256 high = _mm256_permute2f128_ps(format.scale, format.scale, 0x11);
    sums.clear(sums.part);
    if (Format::kOffset) sums.add_minimum(format.offset, x);
    add_group<0>(format, low, x, sums);
    add_group<1>(format, low, x, sums);
    add_group<2>(format, low, x, sums);
    add_group<3>(format, low, x, sums);
    add_group<4>(format, high, x, sums);
    add_group<5>(format, high, x, sums);
    add_group<6>(format, high, x, sums);
    add_group<7>(format, high, x, sums);
    sums.close(x);
  }

 private:
  template <int g>
  static void add_group(const Format& format, __m256 scales, const Wide* x, RowSums<T>& sums) {
    __m256i q[2];
    format.group(g, q);
    const __m256 scale = _mm256_permute_ps(scales, g % 4 * 0x55);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const int16_t* values = x[t].values + g * kGroupColumns;
      const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(q[0], load_i256(values)),
                                                _mm256_madd_epi16(q[1], load_i256(values + 16)));
      sums.part[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, sums.part[t]);
    }
  }
};

/// Q4_0 (header of 2 bytes, minimum -8 · scale) and Q4_1 (4 bytes, a minimum of its own), with two planes of
/// activations. Nibbles stay unsigned bytes: four products of at most 15 · 128 are within i16.
template <class Format, int T>
struct NibbleBlock {
  using Packed = Planes;
  using Block = typename Format::Block;
  static constexpr size_t kHeader = sizeof(Block) - kGroupColumns / 2;
  static constexpr bool kPrefetch = true;

  static void add(const uint8_t* p, const Planes* x, RowSums<T>& sums) {
    const __m256 scales = halves<sizeof(Block)>(p);
    const __m256 minima =
        kHeader == 2 ? _mm256_mul_ps(scales, _mm256_set1_ps(-8.0f)) : halves<sizeof(Block)>(p + kHeader - 2);
    sums.clear(sums.part);
    sums.add_minimum(minima, x);
    add_groups<0>(p, scales, x, sums);
    add_groups<1>(p, scales, x, sums);
    add_groups<2>(p, scales, x, sums);
    add_groups<3>(p, scales, x, sums);
    sums.close(x);
  }

 private:
  /// Groups g and g + 4.
  template <int g>
  static void add_groups(const uint8_t* p, __m256 scales, const Planes* x, RowSums<T>& sums) {
    const uint8_t *first = p + g * sizeof(Block) + kHeader,
                  *second = first + kBlockGroups / 2 * sizeof(Block);
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(load_i128(first)), load_i128(second), 1);
    const __m256i w0 = _mm256_and_si256(v, mask), w1 = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
    const __m256 scale = _mm256_permute_ps(scales, g * 0x55);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const auto& planes = x[t].values[g];
      const __m256i high = _mm256_add_epi16(_mm256_maddubs_epi16(w0, load_i256(planes[0])),
                                            _mm256_maddubs_epi16(w1, load_i256(planes[1])));
      const __m256i low = _mm256_add_epi16(_mm256_maddubs_epi16(w0, load_i256(planes[2])),
                                           _mm256_maddubs_epi16(w1, load_i256(planes[3])));
      const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(high, _mm256_set1_epi16(128)),
                                                _mm256_madd_epi16(low, _mm256_set1_epi16(1)));
      sums.part[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, sums.part[t]);
    }
  }
};

/// Q4_K and Q5_K, with planes in the order of columns. The 6-bit scales of a block multiply in integers,
/// which stay exact: 31 · 63 · 16383 · 32 columns of a lane < 2^31.
template <class Format, int T>
struct SuperBlock {
  using Packed = OrderedPlanes;
  static constexpr bool kPrefetch = true;

  static void add(const uint8_t* p, const OrderedPlanes* x, RowSums<T>& sums) {
    Format format;
    format.p = p;
    const KScales k = k_scales(p);
    // All eight in each half, for vpshufb.
    const __m256i scales =
        _mm256_broadcastsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi64_si128(static_cast<long long>(k.scales))));
    sums.add_minimum(_mm256_mul_ps(bytes_to_f32(k.minima), _mm256_set1_ps(-half_at(p + 2))), x);
    __m256i high[T], low[T];
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) high[t] = low[t] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int g = 0; g < static_cast<int>(kBlockGroups); ++g) {
      const __m256i w = format.bytes(static_cast<size_t>(g));
      const __m256i scale = _mm256_shuffle_epi8(scales, _mm256_set1_epi16(static_cast<short>(514 * g + 256)));
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) {
        const auto& planes = x[t].values[g];
        accumulate(high[t], _mm256_madd_epi16(_mm256_maddubs_epi16(w, load_i256(planes[0])), scale));
        accumulate(low[t], _mm256_madd_epi16(_mm256_maddubs_epi16(w, load_i256(planes[1])), scale));
      }
    }
    const __m256 factor = _mm256_set1_ps(half_at(p));
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[t], 7), low[t]);
      sums.part[t] = _mm256_mul_ps(_mm256_cvtepi32_ps(both), factor);
    }
    sums.close(x);
  }
};

template <template <class, int> class Kernel, class Format, int T>
void direct_rows(const MatmulArgs& args, size_t token) {
  using Packed = typename Kernel<Format, T>::Packed;
  constexpr size_t kBytes = Format::kBytes;
  const Activation<Packed> a(args.packed, args.tokens, args.w->cols);
  const size_t stride = row_bytes(args.w->type, args.w->cols), whole = args.w->cols / kColumnBlock;
  const uint8_t* row = args.w->data + args.row_begin * stride;
  for (size_t r = args.row_begin; r < args.row_end; ++r, row += stride) {
    RowSums<T> sums;
    sums.clear(sums.total);
    const Packed* x = a.at(0, token);
    for (size_t b = 0; b < whole; ++b, x += args.tokens) {
      if (Kernel<Format, T>::kPrefetch) prefetch<kBytes>(row + b * kBytes);
      Kernel<Format, T>::add(row + b * kBytes, x, sums);
    }
    if (whole < a.blocks()) {
      BlockReader<Format> rest;
      Kernel<Format, T>::add(rest(row, whole, a.groups(whole)), x, sums);
    }
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      float* y = args.y + (token + static_cast<size_t>(t)) * args.ldy + r;
      const float total = sum_of(sums.total[t]);
      *y = args.accumulate ? *y + total : total;
    }
  }
}

template <template <class, int> class Kernel, class Format>
void run_direct(const MatmulArgs& args) {
  size_t t = 0;
  // Beyond four tokens the weights come a second time, from a cache if the range of rows is small enough.
  for (; args.tokens - t > 4; t += 3) direct_rows<Kernel, Format, 3>(args, t);
  switch (args.tokens - t) {
    case 1:
      return direct_rows<Kernel, Format, 1>(args, t);
    case 2:
      return direct_rows<Kernel, Format, 2>(args, t);
    case 3:
      return direct_rows<Kernel, Format, 3>(args, t);
    default:
      return direct_rows<Kernel, Format, 4>(args, t);
  }
}

}  // namespace
}  // namespace openelm
