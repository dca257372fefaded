#pragma once

// The compiler's x86 intrinsics. The avx512 and amx variants include them through this header, so that the
// emulation of test/native/emulation can stand in for processors that lack the instructions.

#if defined(__GNUC__) && !defined(__clang__)
// GCC before 13 takes its own "undefined" vectors for uninitialized ones (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <cstdint>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace openelm {
namespace {

/// sum += dot products of pairs of i16 (vpdpwssd).
inline void accumulate_dot(__m512i& sum, __m512i a, __m512i b) {
#if defined(__GNUC__) && !defined(__clang__)
  // GCC 12 copies the sum to another register and back around the intrinsic: twice the instructions of a
  // loop.
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  sum = _mm512_dpwssd_epi32(sum, a, b);
#endif
}

/// sum += dot products of four unsigned bytes with four signed ones (vpdpbusd).
inline void accumulate_bytes(__m512i& sum, __m512i a, __m512i b) {
#if defined(__GNUC__) && !defined(__clang__)
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  sum = _mm512_dpbusd_epi32(sum, a, b);
#endif
}

/// accumulate_dot for half a register, b being the pair at `pair` in every lane.
inline void accumulate_dot(__m256i& sum, __m256i a, const int16_t* pair) {
#if defined(__GNUC__) && !defined(__clang__)
  __asm__("vpdpwssd %2%{1to8%}, %1, %0" : "+v"(sum) : "v"(a), "m"(*reinterpret_cast<const int(*)[1]>(pair)));
#else
  int both;
  __builtin_memcpy(&both, pair, sizeof both);
  sum = _mm256_dpwssd_epi32(sum, a, _mm256_set1_epi32(both));
#endif
}

/// Asks for the line at p, to be in the second-level cache soon.
inline void prefetch_line(const uint8_t* p) {
#if defined(__GNUC__) && !defined(__clang__)
  // GCC drops a loop of nothing but prefetch intrinsics.
  __asm__ volatile("prefetcht1 %0" : : "m"(*p));
#else
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
#endif
}

}  // namespace
}  // namespace openelm
