// Probe, AVX2. vpmaddwd (sixteen products, eight sums) issues twice a cycle on Zen 2 and later and on Intel
// since Skylake, with a latency of 3 to 5: ten independent sums cover it. Its partner vpaddd is part of
// the work.

#include <immintrin.h>

#include "kernels/variants.h"

namespace openelm {
namespace {

constexpr int kSums = 10;

uint64_t read(const uint8_t* data, size_t bytes, size_t streams) {
  __m256i sum_i64x4[4] = {};
  const size_t part = bytes / streams;
  for (size_t i = 0; i < part; i += 256) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint8_t* from = data + stream * part + i;
      for (int j = 0; j < 8; ++j) {
        const __m256i* source = reinterpret_cast<const __m256i*>(from + 32 * static_cast<size_t>(j));
        sum_i64x4[j % 4] = _mm256_add_epi64(sum_i64x4[j % 4], _mm256_load_si256(source));
      }
    }
  }
  const __m256i low = _mm256_add_epi64(sum_i64x4[0], sum_i64x4[1]);
  const __m256i all = _mm256_add_epi64(low, _mm256_add_epi64(sum_i64x4[2], sum_i64x4[3]));
  return static_cast<uint64_t>(_mm256_extract_epi64(all, 0)) +
         static_cast<uint64_t>(_mm256_extract_epi64(all, 3));
}

double multiply_add(size_t rounds, uint64_t* sink) {
  __m256i sum_i32x8[kSums] = {};
  __m256i a = _mm256_set1_epi16(static_cast<int16_t>(rounds | 1));
  const __m256i b = _mm256_set1_epi16(3);
  for (size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kSums; ++j) {
      // The compiler must not see that the factors never change, or it would multiply once; and it must add
      // in place, or GCC keeps the sums in memory.
      __asm__ volatile("" : "+x"(a));
      const __m256i product_i32x8 = _mm256_madd_epi16(a, b);
      __asm__ volatile("vpaddd %1, %0, %0" : "+x"(sum_i32x8[j]) : "x"(product_i32x8));
    }
  }
  __m256i total = sum_i32x8[0];
#pragma GCC unroll 16
  for (int j = 1; j < kSums; ++j) total = _mm256_xor_si256(total, sum_i32x8[j]);
  *sink += static_cast<uint64_t>(_mm256_extract_epi64(total, 0));
  return 2.0 * 16 * kSums * static_cast<double>(rounds);
}

}  // namespace

ProbeImpl probe_avx2() {
  return {"vpmaddwd", read, multiply_add};
}

}  // namespace openelm
