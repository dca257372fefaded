#pragma once

// AVX-512 and VNNI: arithmetic on integers, wrapping.

#include "lanes.h"

namespace emulation {
namespace {

inline __m512i and_si512(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x & y; });
}
inline __m512i or_si512(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x | y; });
}
/// Bit i of the table is the result for the bits of a, b and c as a number, a's the highest.
template <int table>
__m512i ternarylogic_epi32(__m512i a, __m512i b, __m512i c) {
  const Lanes<uint32_t> x(a), y(b), z(c);
  return each<uint32_t, __m512i>([&](int lane) {
    uint32_t r = 0;
    for (int i = 0; i < 32; ++i) {
      const uint32_t index = (x[lane] >> i & 1) << 2 | (y[lane] >> i & 1) << 1 | (z[lane] >> i & 1);
      r |= (static_cast<uint32_t>(table) >> index & 1) << i;
    }
    return r;
  });
}
inline __mmask16 cmpgt_epi32_mask(__m512i a, __m512i b) {
  const Lanes<int32_t> x(a), y(b);
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>(x[i] > y[i]) << i;
  return static_cast<__mmask16>(mask);
}
inline __m512i add_epi32(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x + y; });
}
inline __m512i add_epi64(__m512i a, __m512i b) {
  return each<uint64_t>(a, b, [](uint64_t x, uint64_t y) { return x + y; });
}
inline __m512i max_epi32(__m512i a, __m512i b) {
  return each<int32_t>(a, b, [](int32_t x, int32_t y) { return x > y ? x : y; });
}
inline uint16_t low16(uint32_t x) {
  return static_cast<uint16_t>(x);
}
inline __m512i sub_epi16(__m512i a, __m512i b) {
  return each<uint16_t>(a, b, [](uint32_t x, uint32_t y) { return low16(x - y); });
}
inline __m512i mullo_epi16(__m512i a, __m512i b) {
  return each<uint16_t>(a, b, [](uint32_t x, uint32_t y) { return low16(x * y); });
}
inline __m512i mullo_epi32(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x * y; });
}
inline __m512i mask_add_epi16(__m512i other, __mmask32 mask, __m512i a, __m512i b) {
  const Lanes<uint16_t> o(other), x(a), y(b);
  return each<uint16_t, __m512i>([&](int i) { return bit(mask, i) ? low16(uint32_t{x[i]} + y[i]) : o[i]; });
}
inline __m512i mask_sub_epi16(__m512i other, __mmask32 mask, __m512i a, __m512i b) {
  const Lanes<uint16_t> o(other), x(a), y(b);
  return each<uint16_t, __m512i>([&](int i) { return bit(mask, i) ? low16(uint32_t{x[i]} - y[i]) : o[i]; });
}
inline __m512i mask_mov_epi16(__m512i other, __mmask32 mask, __m512i a) {
  const Lanes<uint16_t> o(other), x(a);
  return each<uint16_t, __m512i>([&](int i) { return bit(mask, i) ? x[i] : o[i]; });
}
inline __mmask32 test_epi16_mask(__m512i a, __m512i b) {
  const Lanes<uint16_t> x(a), y(b);
  uint32_t mask = 0;
  for (int i = 0; i < 32; ++i) mask |= static_cast<uint32_t>((x[i] & y[i]) != 0) << i;
  return mask;
}
inline __mmask32 test_epi8_mask_256(__m256i a, __m256i b) {
  const Lanes<uint8_t, 32> x(a), y(b);
  uint32_t mask = 0;
  for (int i = 0; i < 32; ++i) mask |= static_cast<uint32_t>((x[i] & y[i]) != 0) << i;
  return mask;
}
/// Counts of 16 and more give zero.
inline __m512i srli_epi16(__m512i a, unsigned n) {
  return each<uint16_t>(a, [=](uint32_t x) { return low16(n > 15 ? 0 : x >> n); });
}
inline __m512i slli_epi16(__m512i a, unsigned n) {
  return each<uint16_t>(a, [=](uint32_t x) { return low16(n > 15 ? 0 : x << n); });
}
inline __m512i slli_epi32(__m512i a, unsigned n) {
  return each<uint32_t>(a, [=](uint32_t x) { return n > 31 ? 0 : x << n; });
}
inline __m512i srli_epi32(__m512i a, unsigned n) {
  return each<uint32_t>(a, [=](uint32_t x) { return n > 31 ? 0 : x >> n; });
}
inline __m512i srl_epi16(__m512i a, __m128i n) {
  const uint64_t count = Lanes<uint64_t, 16>(n)[0];
  return srli_epi16(a, count > 15 ? 16 : static_cast<unsigned>(count));
}
inline __m512i srlv_epi16(__m512i a, __m512i n) {
  return each<uint16_t>(a, n, [](uint32_t x, uint32_t y) { return low16(y > 15 ? 0 : x >> y); });
}
inline __m512i sllv_epi16(__m512i a, __m512i n) {
  return each<uint16_t>(a, n, [](uint32_t x, uint32_t y) { return low16(y > 15 ? 0 : x << y); });
}
inline __m512i srai_epi32(__m512i a, unsigned n) {
  return each<int32_t>(a, [=](int32_t x) { return x >> (n > 31 ? 31 : n); });
}
inline __m512i xor_si512(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x ^ y; });
}
inline __m512i sub_epi32(__m512i a, __m512i b) {
  return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x - y; });
}
inline __m512i add_epi16(__m512i a, __m512i b) {
  return each<uint16_t>(a, b, [](uint32_t x, uint32_t y) { return low16(x + y); });
}
/// Products of 32 bits, shifted right by 14, plus one, shifted right once more.
inline __m512i mulhrs_epi16(__m512i a, __m512i b) {
  return each<int16_t>(a, b, [](int32_t x, int32_t y) {
    return static_cast<int16_t>(static_cast<uint16_t>(((x * y >> 14) + 1) >> 1));
  });
}
/// VNNI: four products of an unsigned and a signed byte a lane, added to it without saturation.
inline __m512i dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  const Lanes<uint8_t> x(a);
  const Lanes<int8_t> y(b);
  const Lanes<uint32_t> s(sum);
  return each<uint32_t, __m512i>([&](int i) {
    uint32_t total = s[i];
    for (int k = 4 * i; k < 4 * i + 4; ++k) total += static_cast<uint32_t>(int32_t{x[k]} * y[k]);
    return total;
  });
}
/// VNNI: two products of signed words a lane, added to it without saturation.
inline __m512i dpwssd_epi32(__m512i sum, __m512i a, __m512i b) {
  const Lanes<int16_t> x(a), y(b);
  const Lanes<int32_t> s(sum);
  return each<int32_t, __m512i>([&](int i) {
    const int64_t wide = int64_t{s[i]} + int64_t{x[2 * i]} * y[2 * i] + int64_t{x[2 * i + 1]} * y[2 * i + 1];
    return static_cast<int32_t>(static_cast<uint32_t>(wide));
  });
}

}  // namespace
}  // namespace emulation
