// Rotary position embedding.

#include <cmath>
#include <vector>

#include "check.h"
#include "memory.h"
#include "random.h"

namespace openelm::check {
namespace {

void check_size(Test& test, const KernelTable& table, size_t heads, size_t head_dim, Random& random) {
  const size_t half = head_dim / 2;
  Guarded x(heads * head_dim * sizeof(float), alignof(float));
  Guarded cosines(half * sizeof(float), alignof(float)), sines(half * sizeof(float), alignof(float));
  for (size_t i = 0; i < heads * head_dim; ++i) x.as<float>()[i] = random.normal();
  for (size_t i = 0; i < half; ++i) {
    const float angle = random.uniform(-1000, 1000);
    cosines.as<float>()[i] = std::cos(angle);
    sines.as<float>()[i] = std::sin(angle);
  }
  const std::vector<float> input(x.as<float>(), x.as<float>() + heads * head_dim);
  table.rope(x.as<float>(), cosines.as<float>(), sines.as<float>(), heads, head_dim);
  for (size_t h = 0; h < heads; ++h)
    for (size_t i = 0; i < half; ++i) {
      const double a = input[h * head_dim + i], b = input[h * head_dim + i + half];
      const double c = cosines.as<float>()[i], s = sines.as<float>()[i];
      const auto where = [&] {
        return format("head_dim %zu, %zu heads: head %zu, pair %zu", head_dim, heads, h, i);
      };
      const float* y = x.as<float>() + h * head_dim;
      test.near(a * c - b * s, y[i], (std::fabs(a * c) + std::fabs(b * s)) * 3 * kUnit, where);
      test.near(b * c + a * s, y[i + half], (std::fabs(b * c) + std::fabs(a * s)) * 3 * kUnit, where);
    }
}

}  // namespace

void check_rope(Tap& tap, const KernelTable& table, bool /*quick*/) {
  tap.run(format("%s rope", table.name), [&](Test& test) {
    Random random(4);
    for (const size_t head_dim : {16, 32, 48, 64, 80, 112, 128, 256})
      for (const size_t heads : {1, 3, 12}) check_size(test, table, heads, head_dim, random);
  });
}

}  // namespace openelm::check
