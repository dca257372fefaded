#pragma once

// Stands in for native/kernels/simd/x86.h on processors without AVX-512 or AMX:
// the intrinsics that the avx512 and amx variants use, as plain loops over
// lanes with the semantics of Intel's Software Developer's Manual. The variants
// are then compiled with AVX2 flags, and what is tested is every line of theirs
// but the instruction selection. An intrinsic missing here fails to compile.

#include <immintrin.h>

#include "bfloat.h"
#include "conversions.h"
#include "floats.h"
#include "integers.h"
#include "loads.h"
#include "names.h"
#include "tiles.h"

namespace openelm {
namespace {

inline void accumulate_dot(__m512i& sum, __m512i a, __m512i b) {
  sum = _mm512_dpwssd_epi32(sum, a, b);
}

inline void accumulate_bytes(__m512i& sum, __m512i a, __m512i b) {
  sum = emulation::dpbusd_epi32(sum, a, b);
}

inline void accumulate_dot(__m256i& sum, __m256i a, const int16_t* pair) {
  int both;
  std::memcpy(&both, pair, sizeof both);
  const __m512i wide =
      _mm512_dpwssd_epi32(_mm512_castsi256_si512(sum), _mm512_castsi256_si512(a), _mm512_set1_epi32(both));
  sum = _mm512_castsi512_si256(wide);
}

inline void prefetch_line(const uint8_t* /*p*/) {}

}  // namespace
}  // namespace openelm
