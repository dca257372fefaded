// The scalar definitions everything else is measured against: half conversions over their whole range,
// hand-made blocks of every format, the quantizer's rules.

#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"
#include "quant/quantize.h"

namespace openelm::check {
namespace {

/// binary16 from its definition.
double half_value(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

void check_half(Test& test) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t h = static_cast<uint16_t>(bits);
    const float f = half_to_float(h);
    const auto where = [bits] { return format("half 0x%04x", bits); };
    if ((bits & 0x7c00) == 0x7c00) {
      const bool nan = (bits & 0x3ff) != 0;
      test.expect(nan ? std::isnan(f) : std::isinf(f) && std::signbit(f) == (bits >= 0x8000), where);
      test.expect(nan ? std::isnan(half_to_float(float_to_half(f))) : float_to_half(f) == h, where);
      continue;
    }
    test.expect(f == half_value(bits) && std::signbit(f) == (bits >= 0x8000), where);
    test.expect(float_to_half(f) == h, where);
    // Between neighbours: the middle goes to the even one, all else to the nearer; beyond the largest,
    // infinity.
    const uint16_t next = static_cast<uint16_t>(h + 1);
    const double upper = (bits & 0x7fff) == 0x7bff ? std::copysign(65536.0, f) : half_value(next);
    const float middle = static_cast<float>((half_value(bits) + upper) / 2);
    test.expect(float_to_half(middle) == (bits % 2 == 0 ? h : next), where);
    test.expect(float_to_half(std::nextafter(middle, f)) == h, where);
    test.expect(float_to_half(std::nextafter(middle, std::copysign(INFINITY, f))) == next, where);
  }
}

void check_bfloat(Test& test) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t b = static_cast<uint16_t>(bits);
    const float f = bfloat_to_float(b);
    const auto where = [bits] { return format("bfloat 0x%04x", bits); };
    const int exponent = static_cast<int>(bits >> 7 & 255), mantissa = static_cast<int>(bits & 127);
    if (exponent == 255) {
      test.expect(mantissa ? std::isnan(f) && std::isnan(bfloat_to_float(float_to_bfloat(f)))
                           : std::isinf(f) && float_to_bfloat(f) == b,
                  where);
      continue;
    }
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -133) : std::ldexp(128 + mantissa, exponent - 134);
    test.expect(f == (bits & 0x8000 ? -magnitude : magnitude), where);
    test.expect(float_to_bfloat(f) == b, where);
    if ((bits & 0x7fff) == 0x7f7f) continue;
    const uint16_t next = static_cast<uint16_t>(b + 1);
    const double upper = static_cast<double>(bfloat_to_float(next));
    const float middle = static_cast<float>((static_cast<double>(f) + upper) / 2);
    test.expect(float_to_bfloat(middle) == (bits % 2 == 0 ? b : next), where);
    test.expect(float_to_bfloat(std::nextafter(middle, f)) == b, where);
    test.expect(float_to_bfloat(std::nextafter(middle, bfloat_to_float(next))) == next, where);
  }
}

/// Expands one hand-made block and compares the named elements; all others have the value `rest`.
struct Expected {
  size_t index;
  float value;
};

template <class Block>
void expect_block(Test& test, DType type, const Block& block, size_t n, float rest,
                  const std::vector<Expected>& named) {
  std::vector<float> expected(n, rest), actual(n, NAN);
  for (const Expected& e : named) expected[e.index] = e.value;
  dequantize_row(type, reinterpret_cast<const uint8_t*>(&block), actual.data(), n);
  for (size_t i = 0; i < n; ++i)
    test.near(expected[i], actual[i], 0, [&] { return format("%s element %zu", dtype_info(type).name, i); });
}

constexpr uint16_t kHalf = 0x3800, kTwo = 0x4000, kThree = 0x4200;  // 0.5, 2, 3 as f16

void check_simple_blocks(Test& test) {
  BlockQ8_0 q8{kHalf, {}};
  q8.qs[0] = 127;
  q8.qs[1] = -127;
  q8.qs[31] = -128;
  expect_block(test, DType::q8_0, q8, 32, 0, {{0, 63.5f}, {1, -63.5f}, {31, -64}});

  BlockQ4_0 q4{kTwo, {}};
  q4.qs[0] = 0x8f;   // element 0: 15, element 16: 8
  q4.qs[15] = 0xa1;  // element 15: 1, element 31: 10
  expect_block(test, DType::q4_0, q4, 32, -16, {{0, 14}, {16, 0}, {15, -14}, {31, 4}});

  BlockQ4_1 q41{kTwo, kThree, {}};
  q41.qs[3] = 0xf1;
  expect_block(test, DType::q4_1, q41, 32, 3, {{3, 5}, {19, 33}});

  BlockQ5_0 q5{kTwo, {}, {}};
  q5.qs[2] = 0x41;
  q5.qh[0] = 1 << 2;  // fifth bit of element 2
  q5.qh[3] = 1 << 7;  // and of element 31
  expect_block(test, DType::q5_0, q5, 32, -32, {{2, 2}, {18, -24}, {31, 0}});

  BlockQ5_1 q51{kHalf, kThree, {}, {}};
  q51.qs[2] = 0x42;
  q51.qh[2] = 1 << 2;  // element 18
  expect_block(test, DType::q5_1, q51, 32, 3, {{2, 4}, {18, 13}});

  BlockIQ4_NL iq{kTwo, {}};
  iq.qs[7] = 0x8f;
  expect_block(test, DType::iq4_nl, iq, 32, -254, {{7, 226}, {23, 2}});
}

void check_super_blocks(Test& test) {
  BlockQ2_K q2{};
  q2.d = kTwo;
  q2.dmin = kHalf;
  q2.scales[0] = 0x03;   // elements 0..15: scale 3, minimum 0
  q2.scales[15] = 0x25;  // elements 240..255: scale 5, minimum 2
  q2.qs[1] = 0x02;       // element 1: 2
  q2.qs[63] = 0xc0;      // element 255: 3
  std::vector<Expected> named{{1, 12}, {255, 29}};
  for (size_t i = 240; i < 255; ++i) named.push_back({i, -1});
  expect_block(test, DType::q2_k, q2, 256, 0, named);

  BlockQ3_K q3{};
  q3.d = kHalf;
  // All scales 0 but one: packed 32 is zero after its offset, and 32 has only the high bits, 2.
  std::memset(q3.scales + 8, 0xaa, 4);
  q3.scales[0] = 0x05;  // scale 0: 32 + 5; scale 8: 32
  q3.scales[8] = 0xaa;
  q3.qs[0] = 0x03;     // element 0: low bits 3
  q3.hmask[0] = 0x01;  // and the third: 7 - 4
  q3.qs[1] = 0x02;     // element 1: 2 - 4
  named = {{0, 7.5f}, {1, -5}};
  for (size_t i = 2; i < 16; ++i) named.push_back({i, -10});
  expect_block(test, DType::q3_k, q3, 256, 0, named);

  BlockQ4_K q4{};
  q4.d = kTwo;
  q4.dmin = kHalf;
  q4.scales[1] = 63;     // sub-block 1: scale 63
  q4.scales[5] = 2;      // and minimum 2
  q4.scales[3] = 0x40;   // sub-block 7: scale bits 4, 5 = 1
  q4.scales[7] = 0x80;   // minimum bits 4, 5 = 2
  q4.scales[11] = 0x31;  // scale low bits 1, minimum low bits 3: 17 and 35
  q4.qs[0] = 0xf0;       // element 32: 15
  q4.qs[127] = 0x20;     // element 255: 2
  named.clear();
  for (size_t i = 32; i < 64; ++i) named.push_back({i, -1});
  for (size_t i = 224; i < 256; ++i) named.push_back({i, -17.5f});
  named.push_back({32, 1889});
  named.push_back({255, 50.5f});
  expect_block(test, DType::q4_k, q4, 256, 0, named);

  BlockQ5_K q5{};
  q5.d = kTwo;
  q5.scales[0] = 1;
  q5.scales[8] = 4;  // sub-block 4: scale 4
  q5.qs[5] = 0x03;
  q5.qh[5] = 0x11;   // element 5: 16 + 3, element 133: 16 + 0
  q5.qs[64] = 0x0f;  // element 128: 15
  expect_block(test, DType::q5_k, q5, 256, 0, {{5, 38}, {133, 128}, {128, 120}});

  BlockQ6_K q6{};
  q6.d = kHalf;
  q6.scales[0] = 2;    // elements 0..15
  q6.scales[15] = -3;  // elements 240..255
  q6.ql[0] = 0x0f;
  q6.qh[0] = 0x03;  // element 0: 63 - 32
  q6.ql[127] = 0x10;
  q6.qh[63] = 0x80;  // element 255: 1 + 32 - 32
  named = {{0, 31}, {255, -1.5f}};
  for (size_t i = 1; i < 16; ++i) named.push_back({i, -32});
  for (size_t i = 240; i < 255; ++i) named.push_back({i, 48});
  expect_block(test, DType::q6_k, q6, 256, 0, named);
}

template <class Block>
Block quantized(DType type, const std::vector<float>& x) {
  Block block;
  quantize_row(type, x.data(), reinterpret_cast<uint8_t*>(&block), x.size());
  return block;
}

void check_quantizer(Test& test) {
  std::vector<float> x(32, 0.0f);
  x[0] = -127;
  x[1] = 2.5f;  // ties go to the even neighbour
  x[2] = -2.5f;
  x[3] = NAN;
  x[4] = 2.49f;
  const auto q8 = quantized<BlockQ8_0>(DType::q8_0, x);
  const int expected[] = {-127, 2, -2, 0, 2, 0};  // ties to even
  test.expect(q8.d == 0x3c00, [] { return std::string("Q8_0 scale of 127 is 1"); });
  for (int i = 0; i < 6; ++i)
    test.expect(q8.qs[i] == expected[i], [&] { return format("Q8_0 quant %d is %d", i, q8.qs[i]); });

  x = std::vector<float>(32, 0.0f);
  x[0] = -8;
  x[1] = 8;       // clamped to 15: 7
  x[16] = 0.49f;  // rounds to 0, quant 8
  x[17] = 0.5f;   // rounds up, quant 9
  const auto q4 = quantized<BlockQ4_0>(DType::q4_0, x);
  test.expect(q4.d == 0x3c00, [] { return std::string("Q4_0 scale of -8 is 1"); });
  test.expect(q4.qs[0] == 0x80 && q4.qs[1] == 0x9f && q4.qs[2] == 0x88,
              [&] { return format("Q4_0 quants are %02x %02x %02x", q4.qs[0], q4.qs[1], q4.qs[2]); });
}

}  // namespace

void check_quant(Tap& tap, bool /*quick*/) {
  tap.run("quant half conversions", check_half);
  tap.run("quant bfloat conversions", check_bfloat);
  tap.run("quant blocks of 32", check_simple_blocks);
  tap.run("quant super-blocks of 256", check_super_blocks);
  tap.run("quant quantizer", check_quantizer);
}

}  // namespace openelm::check
