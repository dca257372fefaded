// Storing in the kv cache: the same bytes as the quantizer's.

#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "memory.h"
#include "quant/half.h"
#include "quant/quantize.h"
#include "random.h"

namespace openelm::check {
namespace {

DType element_type(KvType type) {
  return type == KvType::f32 ? DType::f32 : type == KvType::f16 ? DType::f16 : DType::q8_0;
}

/// Equal bytes, but any NaN of an f16 equals any other: processors keep its payload, the quantizer does not.
bool same(KvType type, const uint8_t* a, const uint8_t* b, size_t bytes) {
  if (type != KvType::f16) return std::memcmp(a, b, bytes) == 0;
  for (size_t i = 0; i < bytes; i += 2) {
    uint16_t x, y;
    std::memcpy(&x, a + i, sizeof x);
    std::memcpy(&y, b + i, sizeof y);
    if (x != y && !(std::isnan(half_to_float(x)) && std::isnan(half_to_float(y)))) return false;
  }
  return true;
}

void check_vector(Test& test, const KernelTable& table, KvType type, const std::vector<float>& values,
                  const char* what) {
  const size_t head_dim = values.size(), bytes = kv_row_bytes(type, head_dim);
  Guarded x(head_dim * sizeof(float), alignof(float)), actual(bytes);
  std::memcpy(x.data(), values.data(), head_dim * sizeof(float));
  std::vector<uint8_t> expected(bytes);
  quantize_row(element_type(type), x.as<float>(), expected.data(), head_dim);
  table.kv_store(x.as<float>(), head_dim, type, actual.data());
  test.expect(same(type, expected.data(), actual.data(), bytes),
              [&] { return format("head_dim %zu, %s: bytes differ", head_dim, what); });
}

}  // namespace

void check_kv_store(Tap& tap, const KernelTable& table, bool quick) {
  constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};
  constexpr const char* kNames[] = {"f32", "f16", "q8_0"};
  for (const KvType type : kTypes) {
    tap.run(format("%s kv_store %s", table.name, kNames[static_cast<uint32_t>(type)]), [&](Test& test) {
      Random random(8);
      for (const size_t head_dim : {16, 32, 48, 64, 80, 96, 128}) {
        if (type == KvType::q8_0 && head_dim % 32 != 0) continue;
        for (int i = 0; i < (quick ? 20 : 200); ++i) {
          std::vector<float> x(head_dim);
          const float spread = std::ldexp(1.0f, static_cast<int>(random.below(60)) - 40);
          for (float& v : x) v = random.normal() * spread;
          check_vector(test, table, type, x, "random");
          // Halves: q8_0 rounds them to even.
          for (float& v : x) v = static_cast<float>(random.below(509)) / 2 - 127;
          x[0] = 127;
          check_vector(test, table, type, x, "ties");
          for (float& v : x) v = random.normal() * 1e-38f;
          check_vector(test, table, type, x, "subnormal");
          for (const float special : {NAN, INFINITY, -INFINITY}) {
            for (float& v : x) v = random.normal();
            x[random.below(head_dim)] = special;
            check_vector(test, table, type, x, "not finite");
          }
        }
        check_vector(test, table, type, std::vector<float>(head_dim, 0.0f), "zero");
      }
    });
  }
}

}  // namespace openelm::check
