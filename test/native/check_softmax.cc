// Softmax: narrow and wide spreads, ties, minus infinity.

#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "memory.h"
#include "random.h"

namespace openelm::check {
namespace {

void check_values(Test& test, const KernelTable& table, const std::vector<float>& input) {
  const size_t n = input.size();
  Guarded x(n * sizeof(float), alignof(float));
  std::copy(input.begin(), input.end(), x.as<float>());
  table.softmax(x.as<float>(), n);
  const double largest = *std::max_element(input.begin(), input.end());
  double total = 0;
  for (const float v : input) total += std::exp(v - largest);
  for (size_t i = 0; i < n; ++i) {
    const double argument = input[i] - largest, expected = std::exp(argument) / total;
    // Rounding the difference in f32 shifts the exponent by argument · u.
    const double distance = std::isinf(argument) ? 0 : -argument * kUnit;
    const double bound = expected * (2 * kExpError + distance + sum_error(n)) + 0x1p-125;
    test.near(expected, x.as<float>()[i], bound,
              [&] { return format("n %zu: element %zu, x %.9g", n, i, static_cast<double>(input[i])); });
  }
}

}  // namespace

void check_softmax(Tap& tap, const KernelTable& table, bool /*quick*/) {
  tap.run(format("%s softmax", table.name), [&](Test& test) {
    Random random(6);
    for (const size_t n : {1, 2, 7, 8, 9, 15, 17, 64, 700, 2048, 32000})
      for (const float spread : {0.0f, 0.1f, 5.0f, 60.0f, 1000.0f}) {
        std::vector<float> x(n);
        for (float& v : x) v = random.uniform(-spread, spread);
        check_values(test, table, x);
        x[random.below(n)] = spread + 1;  // with n = 1 the rest is empty, never all minus infinity
        for (size_t i = 0; i < n; ++i)
          if (x[i] <= spread && random.below(4) == 0) x[i] = -INFINITY;
        check_values(test, table, x);
      }
  });
}

}  // namespace openelm::check
