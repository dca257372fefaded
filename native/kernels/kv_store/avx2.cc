// Storing a head's vector in the kv cache, AVX2. The same bytes as quant/quantize.cc writes.

#include <cstring>

#include "kernels/simd/avx2.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

/// Values that are not finite become zero: they have no quant.
inline __m256 finite(__m256 v) {
  return _mm256_and_ps(v, _mm256_cmp_ps(abs_of(v), _mm256_set1_ps(3.40282347e38f), _CMP_LE_OQ));
}

void store_q8(const float* x, uint8_t* dst) {
  constexpr float kSmallestNormal = 1.17549435e-38f;
  __m256 v[4];
  __m256 largest = _mm256_setzero_ps();
  for (size_t i = 0; i < 4; ++i) {
    v[i] = finite(_mm256_loadu_ps(x + 8 * i));
    largest = _mm256_max_ps(largest, abs_of(v[i]));
  }
  const float d = max_of(largest) / 127.0f;
  const __m256 inverse = _mm256_set1_ps(d >= kSmallestNormal ? 1.0f / d : 0.0f);
  const uint16_t half = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
  std::memcpy(dst, &half, sizeof half);
  __m256i q[4];
  for (size_t i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));  // ties to even
  // Packing works on 128-bit halves; the permutation puts the groups of four bytes back in order.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + sizeof half),
                      _mm256_permutevar8x32_epi32(bytes, order));
}

}  // namespace

void kv_store_avx2(const float* x, size_t head_dim, KvType type, uint8_t* dst) {
  switch (type) {
    case KvType::f32:
      std::memcpy(dst, x, head_dim * sizeof(float));
      return;
    case KvType::f16:
      for (size_t i = 0; i < head_dim; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
      return;
    case KvType::q8_0:
      for (size_t i = 0; i < head_dim; i += kGroup) store_q8(x + i, dst + i / kGroup * sizeof(BlockQ8_0));
      return;
  }
}

}  // namespace openelm
