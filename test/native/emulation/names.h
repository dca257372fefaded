#pragma once

// The intrinsics' names. The compiler's own may be macros already.

#undef _mm256_maskz_loadu_epi16
#define _mm256_maskz_loadu_epi16 emulation::maskz_loadu_epi16_256
#undef _mm256_maskz_set1_epi8
#define _mm256_maskz_set1_epi8 emulation::maskz_set1_epi8_256
#undef _mm256_test_epi8_mask
#define _mm256_test_epi8_mask emulation::test_epi8_mask_256
#undef _mm512_add_epi64
#define _mm512_add_epi64 emulation::add_epi64
#undef _mm512_add_epi32
#define _mm512_add_epi32 emulation::add_epi32
#undef _mm512_add_pd
#define _mm512_add_pd emulation::add_pd
#undef _mm512_add_ps
#define _mm512_add_ps emulation::add_ps
#undef _mm512_and_si512
#define _mm512_and_si512 emulation::and_si512
#undef _mm512_broadcast_i32x4
#define _mm512_broadcast_i32x4 emulation::broadcast_i32x4
#undef _mm512_castpd256_pd512
#define _mm512_castpd256_pd512 emulation::cast<__m512d>
#undef _mm512_castpd512_pd256
#define _mm512_castpd512_pd256 emulation::cast<__m256d>
#undef _mm512_castpd_ps
#define _mm512_castpd_ps emulation::cast<__m512>
#undef _mm512_castps512_ps256
#define _mm512_castps512_ps256 emulation::cast<__m256>
#undef _mm512_castps_pd
#define _mm512_castps_pd emulation::cast<__m512d>
#undef _mm512_castps_si512
#define _mm512_castps_si512 emulation::cast<__m512i>
#undef _mm512_castsi128_si512
#define _mm512_castsi128_si512 emulation::cast<__m512i>
#undef _mm512_castsi256_si512
#define _mm512_castsi256_si512 emulation::cast<__m512i>
#undef _mm512_castsi512_ps
#define _mm512_castsi512_ps emulation::cast<__m512>
#undef _mm512_castsi512_si256
#define _mm512_castsi512_si256 emulation::cast<__m256i>
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps emulation::cvtepi32_ps
#undef _mm512_cvtepi8_epi16
#define _mm512_cvtepi8_epi16 emulation::cvtepi8_epi16
#undef _mm512_cvtepi8_epi32
#define _mm512_cvtepi8_epi32 emulation::cvtepi8_epi32
#undef _mm512_cvtepu16_epi32
#define _mm512_cvtepu16_epi32 emulation::cvtepu16_epi32
#undef _mm512_cvtepu8_epi16
#define _mm512_cvtepu8_epi16 emulation::cvtepu8_epi16
#undef _mm512_cvtne2ps_pbh
#define _mm512_cvtne2ps_pbh emulation::cvtne2ps_pbh
#undef _mm512_cvtpd_ps
#define _mm512_cvtpd_ps emulation::cvtpd_ps
#undef _mm512_cvtph_ps
#define _mm512_cvtph_ps emulation::cvtph_ps
#undef _mm512_cvtps_epi32
#define _mm512_cvtps_epi32 emulation::cvtps_epi32
#undef _mm512_cvtps_pd
#define _mm512_cvtps_pd emulation::cvtps_pd
#undef _mm512_cvtsepi16_epi8
#define _mm512_cvtsepi16_epi8 emulation::cvtsepi16_epi8
#undef _mm512_cvtsepi32_epi16
#define _mm512_cvtsepi32_epi16 emulation::cvtsepi32_epi16
#undef _mm512_cvtsepi32_epi8
#define _mm512_cvtsepi32_epi8 emulation::cvtsepi32_epi8
#undef _mm512_cvtss_f32
#define _mm512_cvtss_f32 emulation::cvtss_f32
#undef _mm512_div_ps
#define _mm512_div_ps emulation::div_ps
#undef _mm512_dpwssd_epi32
#define _mm512_dpwssd_epi32 emulation::dpwssd_epi32
#undef _mm512_fmadd_pd
#define _mm512_fmadd_pd emulation::fmadd_pd
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps emulation::fmadd_ps
#undef _mm512_fnmadd_ps
#define _mm512_fnmadd_ps emulation::fnmadd_ps
#undef _mm512_load_ps
#define _mm512_load_ps emulation::load_ps
#undef _mm512_load_si512
#define _mm512_load_si512 emulation::load_si512
#undef _mm512_store_ps
#define _mm512_store_ps emulation::store_ps
#undef _mm512_store_si512
#define _mm512_store_si512 emulation::store_si512
#undef _mm512_rcp14_ps
#define _mm512_rcp14_ps emulation::rcp14_ps
#undef _mm512_cmpgt_epi32_mask
#define _mm512_cmpgt_epi32_mask emulation::cmpgt_epi32_mask
#undef _mm512_loadu_ps
#define _mm512_loadu_ps emulation::loadu_ps
#undef _mm512_loadu_si512
#define _mm512_loadu_si512 emulation::loadu_si512
#undef _mm512_mask_add_epi16
#define _mm512_mask_add_epi16 emulation::mask_add_epi16
#undef _mm512_mask_blend_ps
#define _mm512_mask_blend_ps emulation::mask_blend_ps
#undef _mm512_mask_loadu_ps
#define _mm512_mask_loadu_ps emulation::mask_loadu_ps
#undef _mm512_mask_mov_epi16
#define _mm512_mask_mov_epi16 emulation::mask_mov_epi16
#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps emulation::mask_storeu_ps
#undef _mm512_mask_sub_epi16
#define _mm512_mask_sub_epi16 emulation::mask_sub_epi16
#undef _mm512_maskz_loadu_epi16
#define _mm512_maskz_loadu_epi16 emulation::maskz_loadu_epi16
#undef _mm512_maskz_loadu_ps
#define _mm512_maskz_loadu_ps emulation::maskz_loadu_ps
#undef _mm512_maskz_div_ps
#define _mm512_maskz_div_ps emulation::maskz_div_ps
#undef _mm512_max_epi32
#define _mm512_max_epi32 emulation::max_epi32
#undef _mm512_max_ps
#define _mm512_max_ps emulation::max_ps
#undef _mm512_min_ps
#define _mm512_min_ps emulation::min_ps
#undef _mm512_mul_pd
#define _mm512_mul_pd emulation::mul_pd
#undef _mm512_mul_ps
#define _mm512_mul_ps emulation::mul_ps
#undef _mm512_mullo_epi32
#define _mm512_mullo_epi32 emulation::mullo_epi32
#undef _mm512_mullo_epi16
#define _mm512_mullo_epi16 emulation::mullo_epi16
#undef _mm512_or_si512
#define _mm512_or_si512 emulation::or_si512
#undef _mm512_permutexvar_epi16
#define _mm512_permutexvar_epi16 emulation::permutexvar_epi16
#undef _mm512_scalef_ps
#define _mm512_scalef_ps emulation::scalef_ps
#undef _mm512_set1_epi16
#define _mm512_set1_epi16 emulation::set1_epi16
#undef _mm512_set1_epi32
#define _mm512_set1_epi32 emulation::set1_epi32
#undef _mm512_set1_pd
#define _mm512_set1_pd emulation::set1_pd
#undef _mm512_set1_ps
#define _mm512_set1_ps emulation::set1_ps
#undef _mm512_set_epi16
#define _mm512_set_epi16 emulation::set_epi16
#undef _mm512_setzero_pd
#define _mm512_setzero_pd emulation::setzero_pd
#undef _mm512_setzero_ps
#define _mm512_setzero_ps emulation::setzero_ps
#undef _mm512_setzero_si512
#define _mm512_setzero_si512 emulation::setzero_si512
#undef _mm512_slli_epi16
#define _mm512_slli_epi16 emulation::slli_epi16
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 emulation::slli_epi32
#undef _mm512_srl_epi16
#define _mm512_srl_epi16 emulation::srl_epi16
#undef _mm512_srli_epi16
#define _mm512_srli_epi16 emulation::srli_epi16
#undef _mm512_srli_epi32
#define _mm512_srli_epi32 emulation::srli_epi32
#undef _mm512_srlv_epi16
#define _mm512_srlv_epi16 emulation::srlv_epi16
#undef _mm512_add_epi16
#define _mm512_add_epi16 emulation::add_epi16
#undef _mm512_cvtepi32_epi8
#define _mm512_cvtepi32_epi8 emulation::cvtepi32_epi8
#undef _mm512_mulhrs_epi16
#define _mm512_mulhrs_epi16 emulation::mulhrs_epi16
#undef _mm512_permutex2var_epi16
#define _mm512_permutex2var_epi16 emulation::permutex2var_epi16
#undef _mm512_permutexvar_ps
#define _mm512_permutexvar_ps emulation::permutexvar_ps
#undef _mm512_set1_epi8
#define _mm512_set1_epi8 emulation::set1_epi8
#undef _mm512_set_epi32
#define _mm512_set_epi32 emulation::set_epi32
#undef _mm512_sllv_epi16
#define _mm512_sllv_epi16 emulation::sllv_epi16
#undef _mm512_srai_epi32
#define _mm512_srai_epi32 emulation::srai_epi32
#undef _mm512_sub_epi32
#define _mm512_sub_epi32 emulation::sub_epi32
#undef _mm512_xor_si512
#define _mm512_xor_si512 emulation::xor_si512
#undef _mm512_cvtepi16_epi32
#define _mm512_cvtepi16_epi32 emulation::cvtepi16_epi32
#undef _mm512_storeu_ps
#define _mm512_storeu_ps emulation::storeu_ps
#undef _mm512_storeu_si512
#define _mm512_storeu_si512 emulation::storeu_si512
#undef _mm512_sub_epi16
#define _mm512_sub_epi16 emulation::sub_epi16
#undef _mm512_sub_ps
#define _mm512_sub_ps emulation::sub_ps
#undef _mm512_test_epi16_mask
#define _mm512_test_epi16_mask emulation::test_epi16_mask
#undef _mm512_unpackhi_epi32
#define _mm512_unpackhi_epi32 emulation::unpack<uint32_t, true>
#undef _mm512_unpackhi_epi64
#define _mm512_unpackhi_epi64 emulation::unpack<uint64_t, true>
#undef _mm512_unpacklo_epi32
#define _mm512_unpacklo_epi32 emulation::unpack<uint32_t, false>
#undef _mm512_unpacklo_epi64
#define _mm512_unpacklo_epi64 emulation::unpack<uint64_t, false>
#undef _tile_dpbssd
#define _tile_dpbssd emulation::tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_dpbf16ps emulation::tile_dpbf16ps
#undef _tile_loadconfig
#define _tile_loadconfig emulation::tile_loadconfig
#undef _tile_loadd
#define _tile_loadd emulation::tile_loadd
#undef _tile_stream_loadd
#define _tile_stream_loadd emulation::tile_loadd
#undef _tile_release
#define _tile_release emulation::tile_release
#undef _tile_stored
#define _tile_stored emulation::tile_stored
#undef _tile_zero
#define _tile_zero emulation::tile_zero
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask(a, b, predicate) emulation::cmp_ps_mask<predicate>(a, b)
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(a, rounding) emulation::cvtps_ph<rounding>(a)
#undef _mm512_extractf64x4_pd
#define _mm512_extractf64x4_pd(v, which) emulation::extract_half<__m256d, __m512d, which>(v)
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64(v, which) emulation::extract_half<__m256i, __m512i, which>(v)
#undef _mm512_insertf64x4
#define _mm512_insertf64x4(v, half, which) emulation::insert_half<__m256d, __m512d, which>(v, half)
#undef _mm512_inserti32x4
#define _mm512_inserti32x4(v, part, which) emulation::insert_half<__m128i, __m512i, which>(v, part)
#undef _mm512_inserti64x4
#define _mm512_inserti64x4(v, half, which) emulation::insert_half<__m256i, __m512i, which>(v, half)
#undef _mm512_reduce_ps
#define _mm512_reduce_ps(a, control) emulation::reduce_ps<control>(a)
#undef _mm512_ternarylogic_epi32
#define _mm512_ternarylogic_epi32(a, b, c, table) emulation::ternarylogic_epi32<table>(a, b, c)
#undef _mm512_roundscale_ps
#define _mm512_roundscale_ps(a, control) emulation::roundscale_ps<control>(a)
#undef _mm512_shuffle_i32x4
#define _mm512_shuffle_i32x4(a, b, control) emulation::shuffle_i32x4<control>(a, b)
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4(a, b, control) \
  emulation::cast<__m512>(                  \
      emulation::shuffle_i32x4<control>(emulation::cast<__m512i>(a), emulation::cast<__m512i>(b)))
#undef _mm512_shuffle_ps
#define _mm512_shuffle_ps(a, b, control) emulation::shuffle_ps<control>(a, b)
