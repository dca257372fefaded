// Loops over a vocabulary: the bits of the reference variant, and its values against exact arithmetic.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.h"
#include "cpu/dispatch.h"
#include "memory.h"
#include "random.h"

namespace openelm::check {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Logits in memory that ends at an unreadable page.
struct Input {
  explicit Input(const std::vector<float>& given) : memory(given.size() * sizeof(float), alignof(float)) {
    std::copy(given.begin(), given.end(), memory.as<float>());
    for (const float v : given) max = std::max(max, v);
  }
  Guarded memory;
  float max = -kInf;
};

/// Everything that one variant makes of a row of logits.
struct Results {
  Results(const VocabularyImpl& loops, const Input& input, size_t n, float scale)
      : weights(n * sizeof(float), 4),
        near(n * sizeof(float), 4),
        masked(n * sizeof(float), 4),
        found(n * sizeof(uint32_t), 4) {
    const float* x = input.memory.as<float>();
    const float max = input.max > -kInf ? input.max : 0;
    const float floor = max - 3 / scale, low = max - 5 / scale;
    float* w = weights.as<float>();
    largest = loops.max_value(x, n);
    strange = loops.count_strange(x, n);
    sum = loops.exp_sum(x, n, max, scale, w);
    mean = loops.weighted_sum(x, w, n, max);
    count = loops.count_from(x, n, floor);
    tally = loops.tally_from(x, w, n, floor);
    loops.nearness(x, n, max, -2, near.as<float>());
    loops.mask_below(x, n, floor, x, masked.as<float>());
    n_found = loops.find_within(x, n, low, floor, found.as<uint32_t>());
  }
  Guarded weights, near, masked, found;
  float largest;
  size_t strange, count, n_found;
  Tally tally;
  double sum, mean;
};

bool same_bits(const Guarded& a, const Guarded& b, size_t bytes) {
  return bytes == 0 || std::memcmp(a.data(), b.data(), bytes) == 0;
}

void check_same(Test& test, const Results& a, const Results& b, size_t n, float scale) {
  const auto say = [&](const char* what) {
    return [=] { return format("%s, n %zu, scale %g", what, n, static_cast<double>(scale)); };
  };
  const auto equal = [&](double expected, double actual, const char* what) {
    test.near(expected, actual, 0, say(what));
  };
  equal(a.largest == -kInf ? 0 : a.largest, b.largest == -kInf ? 0 : b.largest, "max_value");
  equal(static_cast<double>(a.strange), static_cast<double>(b.strange), "count_strange");
  equal(a.sum, b.sum, "exp_sum");
  equal(a.mean, b.mean, "weighted_sum");
  equal(static_cast<double>(a.count), static_cast<double>(b.count), "count_from");
  equal(static_cast<double>(a.count), static_cast<double>(b.tally.count), "tally_from, count");
  equal(a.tally.weight, b.tally.weight, "tally_from, weight");
  equal(static_cast<double>(a.n_found), static_cast<double>(b.n_found), "find_within");
  test.expect(same_bits(a.weights, b.weights, n * 4), say("exp_sum, values"));
  test.expect(same_bits(a.near, b.near, n * 4), say("nearness"));
  test.expect(same_bits(a.masked, b.masked, n * 4), say("mask_below"));
  test.expect(same_bits(a.found, b.found, a.n_found * 4), say("find_within, indices"));
}

void check_exact(Test& test, const Results& r, const Input& input, size_t n, float scale) {
  const float* x = input.memory.as<float>();
  double sum = 0, mean = 0, magnitude = 0;
  size_t count = 0, found = 0;
  const float floor = input.max - 3 / scale, low = input.max - 5 / scale;
  for (size_t i = 0; i < n; ++i) {
    const float argument = (x[i] - input.max) * scale;
    const double expected = argument > -87.0f ? std::exp(static_cast<double>(argument)) : 0;
    const float weight = r.weights.as<float>()[i];
    test.near(expected, weight, expected * 3e-7, [&] { return format("exp of %.9g", argument); });
    sum += weight;
    if (weight > 0) mean += static_cast<double>(weight) * (x[i] - input.max);
    if (weight > 0) magnitude += std::abs(static_cast<double>(weight) * (x[i] - input.max));
    count += x[i] >= floor ? 1 : 0;
    if (x[i] >= low && x[i] < floor) {
      test.near(static_cast<double>(i), r.found.as<uint32_t>()[found++], 0, [] { return "an index"; });
    }
    const float masked = r.masked.as<float>()[i];
    test.expect(masked == (x[i] >= floor ? x[i] : -kInf), [&] { return format("masked %zu", i); });
  }
  test.near(sum, r.sum, sum * 32 * kUnit, [&] { return format("exp_sum of %zu", n); });
  test.near(mean, r.mean, magnitude * 34 * kUnit, [&] { return format("weighted_sum of %zu", n); });
  test.near(static_cast<double>(count), static_cast<double>(r.count), 0,
            [&] { return format("count of %zu", n); });
  test.near(static_cast<double>(found), static_cast<double>(r.n_found), 0,
            [&] { return format("found of %zu", n); });
  test.near(input.max, r.largest, 0, [&] { return format("max of %zu", n); });
}

}  // namespace

void check_vocabulary(Tap& tap, const KernelTable& table, bool /*quick*/) {
  tap.run(format("%s vocabulary", table.name), [&](Test& test) {
    const VocabularyImpl& reference = find_kernels("reference")->vocabulary;
    Random random(11);
    for (const size_t n : {0, 1, 8, 63, 64, 65, 127, 128, 1023, 1024, 1025, 1087, 1088, 2050, 32000, 32003})
      for (const float spread : {0.0f, 1.0f, 20.0f, 200.0f})
        for (const float scale : {1.0f, 0.1f, 30.0f}) {
          std::vector<float> logits(n);
          for (float& v : logits) v = random.uniform(-spread, spread);
          for (size_t i = 0; i < n / 4; ++i) logits[random.below(n)] = -kInf;
          if (n > 0) logits[random.below(n)] = spread;
          const Input input(logits);
          const Results results(table.vocabulary, input, n, scale);
          check_same(test, Results(reference, input, n, scale), results, n, scale);
          if (n > 0) check_exact(test, results, input, n, scale);
        }
    for (const float strange : {kInf, -kInf, std::nanf("")})
      for (const size_t at : {0, 63, 64, 99}) {
        std::vector<float> logits(100, 1.0f);
        logits[at] = strange;
        const Input input(logits);
        const size_t count = table.vocabulary.count_strange(input.memory.as<float>(), 100);
        test.near(strange == -kInf ? 0 : 1, static_cast<double>(count), 0, [] { return "strange values"; });
        const float largest = table.vocabulary.max_value(input.memory.as<float>(), 100);
        test.near(1, strange == kInf ? largest == kInf : largest, 0, [] { return "max beside them"; });
      }
  });
}

}  // namespace openelm::check
