// SwiGLU over the whole range in which exp neither underflows nor overflows, and beyond.

#include <cmath>
#include <vector>

#include "check.h"
#include "memory.h"
#include "random.h"

namespace openelm::check {
namespace {

void check_values(Test& test, const KernelTable& table, const std::vector<float>& gates, bool in_place,
                  Random& random) {
  const size_t n = gates.size();
  Guarded gate(n * sizeof(float), alignof(float)), up(n * sizeof(float), alignof(float));
  Guarded out(n * sizeof(float), alignof(float));
  for (size_t i = 0; i < n; ++i) {
    gate.as<float>()[i] = gates[i];
    up.as<float>()[i] = random.normal() * 3;
  }
  float* y = in_place ? gate.as<float>() : out.as<float>();
  table.swiglu(gate.as<float>(), up.as<float>(), n, y);
  for (size_t i = 0; i < n; ++i) {
    const double g = gates[i], u = up.as<float>()[i];
    const double expected = g / (1 + std::exp(-g)) * u;
    // Below e^-87 the logistic function is no longer a normal f32.
    const double bound = std::fabs(expected) * (kExpError + 4 * kUnit) + 0x1p-125 * (1 + std::fabs(g * u));
    test.near(expected, y[i], bound, [&] {
      return format("n %zu, %s: element %zu, gate %.9g, up %.9g", n, in_place ? "in place" : "apart", i, g,
                    u);
    });
  }
}

}  // namespace

void check_swiglu(Tap& tap, const KernelTable& table, bool /*quick*/) {
  tap.run(format("%s swiglu", table.name), [&](Test& test) {
    Random random(5);
    for (const size_t n : {1, 7, 8, 9, 16, 31, 100, 768, 5120})
      for (const float spread : {0.01f, 1.0f, 20.0f, 100.0f, 10000.0f}) {
        std::vector<float> gates(n);
        for (float& g : gates) g = random.uniform(-spread, spread);
        check_values(test, table, gates, false, random);
        check_values(test, table, gates, true, random);
      }
    std::vector<float> ends{0.0f, -0.0f, 1e-40f, 86, 87, 88, 88.5f, 88.8f, 89, 100, 104, 1e10f};
    for (size_t i = ends.size(); i > 0; --i) ends.push_back(-ends[i - 1]);
    check_values(test, table, ends, false, random);
  });
}

}  // namespace openelm::check
