// RMS norm, in place and not.

#include <cmath>
#include <vector>

#include "check.h"
#include "memory.h"
#include "random.h"

namespace openelm::check {
namespace {

void check_size(Test& test, const KernelTable& table, size_t n, float spread, bool in_place, Random& random) {
  constexpr float kEps = 1e-6f;
  Guarded x(n * sizeof(float), alignof(float)), weight(n * sizeof(float), alignof(float));
  Guarded out(n * sizeof(float), alignof(float));
  for (size_t i = 0; i < n; ++i) {
    x.as<float>()[i] = random.normal() * spread;
    weight.as<float>()[i] = 1 + 0.2f * random.normal();
  }
  const std::vector<float> input(x.as<float>(), x.as<float>() + n);
  float* y = in_place ? x.as<float>() : out.as<float>();
  table.rms_norm(x.as<float>(), weight.as<float>(), kEps, n, y);
  double squares = 0;
  for (const float v : input) squares += static_cast<double>(v) * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(kEps));
  for (size_t i = 0; i < n; ++i) {
    const double expected = input[i] * scale * weight.as<float>()[i];
    test.near(expected, y[i], std::fabs(expected) * (sum_error(n) + 4 * kUnit) + 0x1p-126, [&] {
      return format("n %zu, spread %g, %s: element %zu", n, static_cast<double>(spread),
                    in_place ? "in place" : "apart", i);
    });
  }
}

}  // namespace

void check_rms_norm(Tap& tap, const KernelTable& table, bool /*quick*/) {
  tap.run(format("%s rms_norm", table.name), [&](Test& test) {
    Random random(3);
    for (const size_t n : {1, 2, 7, 8, 9, 15, 16, 31, 33, 63, 64, 80, 128, 257, 1280, 3072})
      for (const float spread : {0.0f, 1e-4f, 1.0f, 3000.0f, 1e30f})
        for (const bool in_place : {false, true}) check_size(test, table, n, spread, in_place, random);
  });
}

}  // namespace openelm::check
