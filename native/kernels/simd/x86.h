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

}  // namespace
}  // namespace openelm
