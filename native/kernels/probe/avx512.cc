// Probe, AVX-512 with VNNI. vpdpwssd (32 products, 16 sums) issues up to twice a cycle with a latency of 5:
// sixteen independent sums cover it.

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

constexpr int kSums = 16;

uint64_t total_of(__m512i v) {
  uint64_t words[8], total = 0;
  _mm512_storeu_si512(words, v);
  for (const uint64_t word : words) total += word;
  return total;
}

uint64_t read(const uint8_t* data, size_t bytes, size_t streams) {
  __m512i sum[4];
  for (int j = 0; j < 4; ++j) sum[j] = _mm512_setzero_si512();
  const size_t part = bytes / streams;
  for (size_t i = 0; i < part; i += 256) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint8_t* from = data + stream * part + i;
      for (int j = 0; j < 4; ++j)
        sum[j] = _mm512_add_epi64(sum[j], _mm512_loadu_si512(from + 64 * static_cast<size_t>(j)));
    }
  }
  return total_of(_mm512_add_epi64(_mm512_add_epi64(sum[0], sum[1]), _mm512_add_epi64(sum[2], sum[3])));
}

double multiply_add(size_t rounds, uint64_t* sink) {
  __m512i sum[kSums];
#pragma GCC unroll 16
  for (int j = 0; j < kSums; ++j) sum[j] = _mm512_set1_epi32(j);
  const __m512i a = _mm512_set1_epi16(static_cast<short>(rounds | 1)), b = _mm512_set1_epi16(3);
  for (size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kSums; ++j) accumulate_dot(sum[j], a, b);
  }
#pragma GCC unroll 16
  for (int j = 1; j < kSums; ++j) sum[0] = _mm512_add_epi32(sum[0], sum[j]);
  *sink += total_of(sum[0]);
  return 2.0 * 32 * kSums * static_cast<double>(rounds);
}

}  // namespace

ProbeImpl probe_avx512() {
  return {"vpdpwssd", read, multiply_add};
}

}  // namespace openelm
