// Storing a head's vector in the kv cache, AVX-512. The same bytes as quant/quantize.cc writes.

#include <cstring>

#include "kernels/simd/zmm.h"
#include "kernels/variants.h"
#include "quant/blocks.h"

namespace openelm {
namespace {

/// 16 values, those that are not finite as zero.
__m512 load_finite(const float* x) {
  const __m512 v = _mm512_loadu_ps(x);
  const __mmask16 finite = _mm512_cmp_ps_mask(abs_of(v), _mm512_set1_ps(__builtin_inff()), _CMP_LT_OQ);
  return _mm512_mask_blend_ps(finite, _mm512_setzero_ps(), v);
}

void store_q8_0(const float* x, uint8_t* dst) {
  const __m512 a = load_finite(x), b = load_finite(x + 16);
  const float d = max_of(_mm512_max_ps(abs_of(a), abs_of(b))) / 127.0f;
  const __m512 inverse = _mm512_set1_ps(__builtin_isnormal(d) ? 1.0f / d : 0.0f);
  const uint16_t bits = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
  std::memcpy(dst, &bits, sizeof bits);
  // Ties to even, the processor's rounding.
  const __m128i low = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)));
  const __m128i high = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(b, inverse)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 2), low);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 18), high);
}

}  // namespace

void kv_store_avx512(const float* x, size_t head_dim, KvType type, uint8_t* dst) {
  switch (type) {
    case KvType::f32:
      std::memcpy(dst, x, head_dim * sizeof(float));
      return;
    case KvType::f16:
      for (size_t i = 0; i < head_dim; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 2 * i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
      return;
    case KvType::q8_0:
      for (size_t i = 0; i < head_dim; i += kGroup) store_q8_0(x + i, dst + i / kGroup * sizeof(BlockQ8_0));
      return;
  }
}

}  // namespace openelm
