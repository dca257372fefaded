// Probe, NEON. sdot (sixteen products, four sums) issues up to four times a cycle with a latency of 3
// (Apple), twice with 2 to 4 elsewhere: sixteen independent sums cover it.

#include "kernels/simd/neon.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

constexpr size_t kSums = 16;

uint64_t read(const uint8_t* data, size_t bytes, size_t streams) {
  uint64x2_t sum[4] = {vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0)};
  const size_t part = bytes / streams;
  for (size_t i = 0; i < part; i += 256) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint8_t* from = data + stream * part + i;
      OPENELM_NEON_UNROLL
      for (size_t j = 0; j < 16; ++j)
        sum[j % 4] = vaddq_u64(sum[j % 4], vreinterpretq_u64_u8(vld1q_u8(from + 16 * j)));
    }
  }
  return vaddvq_u64(vaddq_u64(vaddq_u64(sum[0], sum[1]), vaddq_u64(sum[2], sum[3])));
}

double multiply_add(size_t rounds, uint64_t* sink) {
  int32x4_t sum[kSums];
  for (size_t j = 0; j < kSums; ++j) sum[j] = vdupq_n_s32(static_cast<int>(j));
  int8x16_t a = vdupq_n_s8(static_cast<int8_t>(rounds | 1));
  const int8x16_t b = vdupq_n_s8(3);
  for (size_t i = 0; i < rounds; ++i) {
    // The compiler must not see that the factor never changes, or it would multiply once.
    __asm__ volatile("" : "+w"(a));
    OPENELM_NEON_UNROLL
    for (size_t j = 0; j < kSums; ++j) sum[j] = vdotq_s32(sum[j], a, b);
  }
  int32x4_t total = sum[0];
  for (size_t j = 1; j < kSums; ++j) total = veorq_s32(total, sum[j]);
  *sink += static_cast<uint64_t>(vaddlvq_s32(total));
  return 2.0 * 16 * kSums * static_cast<double>(rounds);
}

}  // namespace

ProbeImpl probe_neon() {
  return {"sdot", read, multiply_add};
}

}  // namespace openelm
