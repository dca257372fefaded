// Products: every weight type against exact arithmetic, alone and after an RMS norm, set and added.

#include "gpu/exact.h"
#include "gpu/subject.h"

namespace openelm::check {
namespace {

constexpr float kEps = 1e-6f;
constexpr gpu::HeadShape kNoHeads{1, 1, 16};

struct Case {
  DType type;
  size_t rows, cols, tokens;
  bool norm, add;
  float spread;  // of activations
};

std::string describe(const Case& c, size_t row, size_t token) {
  return format("%zu x %zu, %zu tokens%s%s, spread %g: row %zu, token %zu", c.rows, c.cols, c.tokens,
                c.norm ? ", norm" : "", c.add ? ", add" : "", static_cast<double>(c.spread), row, token);
}

void check_case(Test& test, const Subject& s, const Case& c, Random& random) {
  const std::vector<uint8_t> data = random_matrix(c.type, c.rows, c.cols, random);
  const std::vector<float> x = random_floats(c.tokens * c.cols, c.spread, random);
  const std::vector<float> norm = random_floats(c.cols, 1, random);
  const size_t ldy = c.rows + random.below(3);
  const std::vector<float> before = random_floats(c.tokens * ldy, 1, random);
  const auto n = static_cast<uint32_t>(c.tokens);
  test.expect(
      s.device.reserve(n, static_cast<uint32_t>(c.cols), static_cast<uint32_t>(c.rows), kNoHeads, 64).ok(),
      [] { return std::string("reserve"); });

  const MatrixOnDevice w(test, s, c.type, c.rows, c.cols, data.data());
  const OnDevice<float> on_x(s, x), on_norm(s, norm), on_y(s, before);
  s.device.matmul(*w, on_x.at(), n, c.norm ? on_norm.at() : 0, kEps, on_y.at(), static_cast<uint32_t>(ldy),
                  c.add ? gpu::Store::add : gpu::Store::set);
  std::vector<float> y = on_y.get(test);
  plant(s, y, random.below(c.tokens) * ldy + random.below(c.rows));

  const Carried carried = carried_by(c.type, c.tokens > s.device.small_batch(), s.bf16);
  for (size_t t = 0; t < c.tokens; ++t) {
    const Normalized from(x.data() + t * c.cols, c.norm ? norm.data() : nullptr, kEps, c.cols);
    for (size_t r = 0; r < ldy; ++r) {
      const float actual = y[t * ldy + r], old = before[t * ldy + r];
      if (r >= c.rows) {
        test.expect(actual == old, [&] { return describe(c, r, t) + ": written behind the rows"; });
        continue;
      }
      Exact exact = exact_product(c.type, data.data() + r * row_bytes(c.type, c.cols), from, carried);
      if (c.add)
        exact = {exact.value + old, exact.bound + kUnit * 2 * (std::fabs(exact.value) + std::fabs(old))};
      test.near(exact.value, actual, exact.bound, [&] { return describe(c, r, t); });
    }
  }
}

/// A token's result has the same bits whatever the number of tokens, within few and within many.
void check_company(Test& test, const Subject& s, DType type, size_t cols, Random& random) {
  constexpr size_t kRows = 21, kTokens = 19;
  const std::vector<uint8_t> data = random_matrix(type, kRows, cols, random);
  std::vector<float> x = random_floats(kTokens * cols, 1, random);
  test.expect(s.device.reserve(kTokens, static_cast<uint32_t>(cols), kRows, kNoHeads, 64).ok(),
              [] { return std::string("reserve"); });
  const MatrixOnDevice w(test, s, type, kRows, cols, data.data());
  const OnDevice<float> norm(s, random_floats(cols, 1, random));
  const auto compute = [&](uint32_t n) {
    const OnDevice<float> on_x(s, x), y(s, kTokens * kRows);
    s.device.matmul(*w, on_x.at(), n, norm.at(), kEps, y.at(), kRows, gpu::Store::set);
    return y.get(test);
  };
  const uint32_t few = s.device.small_batch();
  std::vector<float> one = compute(1), many = compute(kTokens);
  plant(s, one, 3);
  plant(s, many, 3);
  for (size_t i = cols; i < x.size(); ++i) x[i] = NAN;
  for (uint32_t n = 2; n < kTokens; ++n) {
    const std::vector<float>& expected = n <= few ? one : many;
    const std::vector<float> y = compute(n);
    for (size_t r = 0; r < kRows; ++r)
      test.expect(y[r] == expected[r],
                  [&] { return format("%zu cols, row %zu: %u tokens change bits", cols, r, n); });
  }
}

/// Infinity and NaN come out as something that is no number, and touch no other token.
void check_not_finite(Test& test, const Subject& s, DType type, Random& random) {
  constexpr size_t kRows = 5, kCols = 256, kTokens = 3;
  const std::vector<uint8_t> data = random_matrix(type, kRows, kCols, random);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> x = random_floats(kTokens * kCols, 1, random);
    x[kCols + 77] = bad;
    const MatrixOnDevice w(test, s, type, kRows, kCols, data.data());
    const OnDevice<float> on_x(s, x), on_y(s, kTokens * kRows);
    s.device.matmul(*w, on_x.at(), kTokens, 0, kEps, on_y.at(), kRows, gpu::Store::set);
    std::vector<float> y = on_y.get(test);
    if (s.plant) y[kRows] = 1;
    for (size_t i = 0; i < kTokens * kRows; ++i) {
      test.expect(std::isfinite(y[i]) == (i / kRows != 1), [&] { return format("token %zu", i / kRows); });
    }
  }
}

}  // namespace

void check_products(Tap& tap, const Subject& s) {
  for (const DType type : kAllTypes) {
    const std::string name = format("%s matmul %s ", s.name.c_str(), dtype_info(type).name);
    const size_t block = dtype_info(type).block_elements;
    tap.run(name + "values", [&](Test& test) {
      Random random(static_cast<uint64_t>(type) + 1);
      size_t index = 0;
      for (const size_t cols : {1, 7, 32, 64, 96, 256, 512, 1280, 2304}) {
        if (cols % block != 0) continue;
        for (const size_t tokens : {1, 2, 3, 5, 8, 9, 17, 70}) {
          if (s.quick && cols > 600 && tokens > 9) continue;
          const size_t rows = index % 3 == 0 ? 1 : index % 3 == 1 ? 13 : s.quick ? 22 : 67;
          check_case(test, s, {type, rows, cols, tokens, index % 2 == 1, index % 4 >= 2, 1}, random);
          ++index;
        }
      }
      for (const float spread : {1e-30f, 1e-39f, 1e5f, 0.0f})
        check_case(test, s, {type, 9, 256, 2, false, false, spread}, random);
    });
    tap.run(name + "company", [&](Test& test) {
      Random random(static_cast<uint64_t>(type) + 2);
      check_company(test, s, type, 256, random);
      if (!s.quick) check_company(test, s, type, 2304, random);
    });
    tap.run(name + "not finite", [&](Test& test) {
      Random random(static_cast<uint64_t>(type) + 3);
      check_not_finite(test, s, type, random);
    });
  }
}

}  // namespace openelm::check
