// Gated products: swiglu(gate · x', up · x') for every weight type.

#include "gpu/exact.h"
#include "gpu/subject.h"

namespace openelm::check {
namespace {

constexpr float kEps = 1e-6f;

void check_case(Test& test, const Subject& s, DType gate_type, DType up_type, size_t rows, size_t cols,
                size_t tokens, bool norm, Random& random) {
  const std::vector<uint8_t> gate = random_matrix(gate_type, rows, cols, random);
  const std::vector<uint8_t> up = random_matrix(up_type, rows, cols, random);
  const std::vector<float> x = random_floats(tokens * cols, 1, random),
                           weight = random_floats(cols, 1, random);
  const auto n = static_cast<uint32_t>(tokens);
  test.expect(
      s.device.reserve(n, static_cast<uint32_t>(cols), static_cast<uint32_t>(rows), {1, 1, 16}, 64).ok(),
      [] { return std::string("reserve"); });
  const MatrixOnDevice on_gate(test, s, gate_type, rows, cols, gate.data());
  const MatrixOnDevice on_up(test, s, up_type, rows, cols, up.data());
  const OnDevice<float> on_x(s, x), on_weight(s, weight), on_y(s, tokens * rows);
  s.device.gated_matmul(*on_gate, *on_up, on_x.at(), n, norm ? on_weight.at() : 0, kEps, on_y.at());
  std::vector<float> y = on_y.get(test);
  plant(s, y, random.below(y.size()));

  const bool many = tokens > s.device.small_batch();
  for (size_t t = 0; t < tokens; ++t) {
    const Normalized from(x.data() + t * cols, norm ? weight.data() : nullptr, kEps, cols);
    for (size_t r = 0; r < rows; ++r) {
      const Exact g = exact_product(gate_type, gate.data() + r * row_bytes(gate_type, cols), from,
                                    carried_by(gate_type, many, s.bf16));
      const Exact u = exact_product(up_type, up.data() + r * row_bytes(up_type, cols), from,
                                    carried_by(up_type, many, s.bf16));
      const double sigmoid = 1 / (1 + std::exp(-g.value)), silu = g.value * sigmoid;
      // |silu'| < 1.1
      const double bound = 1.1 * g.bound * (std::fabs(u.value) + u.bound) + std::fabs(silu) * u.bound +
                           std::fabs(silu * u.value) * (kExpError + 6 * kUnit) +
                           0x1p-125 * (1 + std::fabs(g.value * u.value));
      test.near(silu * u.value, y[t * rows + r], bound, [&] {
        return format("%zu x %zu, %zu tokens%s: row %zu, token %zu", rows, cols, tokens, norm ? ", norm" : "",
                      r, t);
      });
    }
  }
}

}  // namespace

void check_gated_products(Tap& tap, const Subject& s) {
  for (const DType type : kAllTypes)
    tap.run(format("%s gated %s", s.name.c_str(), dtype_info(type).name), [&](Test& test) {
      Random random(static_cast<uint64_t>(type) + 40);
      size_t index = 0;
      for (const size_t cols : {5, 32, 256, 1280}) {
        if (cols % dtype_info(type).block_elements != 0) continue;
        for (const size_t tokens : {1, 2, 4, 8, 11}) {
          if (s.quick && cols > 600 && tokens != 2) continue;
          check_case(test, s, type, type, index % 2 ? 19 : 3, cols, tokens, index % 3 != 0, random);
          ++index;
        }
      }
    });
  tap.run(s.name + " gated, two types", [&](Test& test) {
    Random random(60);
    check_case(test, s, DType::q8_0, DType::q6_k, 7, 256, 1, true, random);
    check_case(test, s, DType::f16, DType::q4_0, 7, 256, 20, true, random);
  });
}

}  // namespace openelm::check
