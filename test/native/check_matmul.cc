// Matmul: every weight type against exact arithmetic, for every way the work may be split.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "check.h"
#include "matmul_problem.h"
#include "quant/dequantize.h"

namespace openelm::check {
namespace {

constexpr size_t kLine = 64;
/// What y holds where a call must not write.
constexpr float kUntouched = -12345.678f;

enum class Split { whole, ranges, threads };

/// y of the problem's first `tokens` tokens; `before` is what y holds at first (accumulate) when not null.
std::vector<float> compute(const MatmulImpl& impl, const Problem& p, size_t tokens, Split split,
                           const std::vector<float>* before) {
  const size_t cols = p.shape.cols, rows = p.shape.rows;
  Guarded packed(impl.packed_bytes(tokens, cols), kLine);
  Guarded y(tokens * p.ldy * sizeof(float), kLine);
  std::fill_n(y.as<float>(), tokens * p.ldy, kUntouched);
  if (before)
    for (size_t t = 0; t < tokens; ++t)
      std::copy_n(before->data() + t * p.ldy, rows, y.as<float>() + t * p.ldy);

  const auto pack = [&](size_t first, size_t last) {
    impl.pack(p.x.as<float>() + first * p.ldx, p.ldx, tokens, cols, first, last, packed.data());
  };
  const auto run = [&](size_t first, size_t last) {
    Guarded scratch(impl.scratch_bytes(tokens, cols), kLine);
    impl.run(
        {&p.w, first, last, packed.data(), tokens, y.as<float>(), p.ldy, before != nullptr, scratch.data()});
  };
  // Ranges of one, two, three… multiples, the last first: no call may lean on an earlier one.
  const auto in_pieces = [](size_t n, size_t multiple, const auto& call) {
    std::vector<size_t> cuts{0};
    for (size_t size = 1; cuts.back() < n; ++size) cuts.push_back(std::min(n, cuts.back() + size * multiple));
    for (size_t i = cuts.size() - 1; i > 0; --i) call(cuts[i - 1], cuts[i]);
  };
  const auto on_two_threads = [](size_t n, size_t multiple, const auto& call) {
    const size_t half = std::min(n, (n / multiple / 2 + 1) * multiple);
    std::thread other([&] { call(0, half); });
    if (half < n) call(half, n);
    other.join();
  };
  switch (split) {
    case Split::whole:
      pack(0, tokens);
      run(0, rows);
      break;
    case Split::ranges:
      in_pieces(tokens, impl.token_multiple, pack);
      in_pieces(rows, impl.row_multiple, run);
      break;
    case Split::threads:
      on_two_threads(tokens, impl.token_multiple, pack);
      on_two_threads(rows, impl.row_multiple, run);
      break;
  }
  return {y.as<float>(), y.as<float>() + tokens * p.ldy};
}

bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::string at(const MatmulImpl& impl, const Problem& p, size_t t, size_t row) {
  return format("%s: %zu rows, %zu cols, %zu tokens: row %zu, token %zu", impl.name, p.shape.rows,
                p.shape.cols, p.shape.tokens, row, t);
}

void expect_equal(Test& test, const MatmulImpl& impl, const Problem& p, const std::vector<float>& expected,
                  const std::vector<float>& actual, size_t tokens, const char* what) {
  for (size_t t = 0; t < tokens; ++t)
    for (size_t r = 0; r < p.ldy; ++r) {
      const float e = expected[t * p.ldy + r], a = actual[t * p.ldy + r];
      test.expect(same_bits(e, a), [&] {
        return at(impl, p, t, r) + format(": %s changes bits: %.9g, then %.9g", what, static_cast<double>(e),
                                          static_cast<double>(a));
      });
    }
}

void expect_exact(Test& test, const MatmulImpl& impl, const Problem& p, const std::vector<float>& y,
                  const std::vector<float>* before) {
  const size_t n = p.shape.cols;
  std::vector<float> w(n);
  std::vector<std::vector<double>> rounded;
  for (size_t t = 0; t < p.shape.tokens; ++t) rounded.push_back(carried(impl.activations, p.token(t), n));
  for (size_t r = 0; r < p.shape.rows; ++r) {
    dequantize_row(p.type, p.w.row(r), w.data(), n);
    const std::vector<float> offsets = offsets_of_row(p.type, p.w.row(r), n);
    for (size_t t = 0; t < p.shape.tokens; ++t) {
      const float* x = p.token(t);
      double sum = before ? static_cast<double>((*before)[t * p.ldy + r]) : 0;
      double magnitude = std::fabs(sum), defined = sum;
      for (size_t i = 0; i < n; ++i) {
        const double xi = x[i];
        sum += w[i] * xi;
        defined += w[i] * rounded[t][i];
        magnitude += (std::fabs(w[i]) + 2 * std::fabs(offsets[i])) * std::fabs(xi);
      }
      const double rounding = sum_error(n) * magnitude + 0x1p-126 * static_cast<double>(n);
      const double bound = rounding + rounding_error(impl.activations, p, w.data(), offsets, x);
      test.near(sum, y[t * p.ldy + r], bound, [&] { return at(impl, p, t, r); });
      if (impl.activations == Activations::i8)
        test.near(defined, y[t * p.ldy + r], rounding,
                  [&] { return at(impl, p, t, r) + ": with activations as they are rounded"; });
    }
  }
  for (size_t t = 0; t < p.shape.tokens; ++t)
    for (size_t r = p.shape.rows; r < p.ldy; ++r)
      test.expect(same_bits(y[t * p.ldy + r], kUntouched),
                  [&] { return at(impl, p, t, r) + ": written, though it is beyond the rows"; });
}

const MatmulImpl* find(Test& test, const KernelTable& table, DType type, size_t tokens) {
  const MatmulImpl* impl = table.matmul(type, tokens);
  test.expect(impl != nullptr, [&] { return format("no implementation for %zu tokens", tokens); });
  if (impl && impl->token_multiple > 0 && impl->row_multiple > 0) return impl;
  test.expect(false, [] { return std::string("an implementation's multiples are at least 1"); });
  return nullptr;
}

void check_values(Test& test, const KernelTable& table, const Problem& p, Random& random) {
  const MatmulImpl* impl = find(test, table, p.type, p.shape.tokens);
  if (!impl) return;
  const size_t tokens = p.shape.tokens;
  const std::vector<float> y = compute(*impl, p, tokens, Split::whole, nullptr);
  expect_exact(test, *impl, p, y, nullptr);
  expect_equal(test, *impl, p, y, compute(*impl, p, tokens, Split::ranges, nullptr), tokens, "splitting");
  expect_equal(test, *impl, p, y, compute(*impl, p, tokens, Split::threads, nullptr), tokens, "threads");
  if (tokens > 1 && table.matmul(p.type, tokens - 1) == impl)
    expect_equal(test, *impl, p, y, compute(*impl, p, tokens - 1, Split::whole, nullptr), tokens - 1,
                 "leaving out a token");

  std::vector<float> before(tokens * p.ldy, kUntouched);
  for (size_t t = 0; t < tokens; ++t)
    for (size_t r = 0; r < p.shape.rows; ++r) before[t * p.ldy + r] = random.normal() * 10;
  const std::vector<float> sum = compute(*impl, p, tokens, Split::whole, &before);
  expect_exact(test, *impl, p, sum, &before);
  expect_equal(test, *impl, p, sum, compute(*impl, p, tokens, Split::ranges, &before), tokens,
               "splitting with accumulate");
}

/// Values that are not finite in one token leave the others' results as they were.
void check_poison(Test& test, const KernelTable& table, const Problem& p, size_t victim) {
  const MatmulImpl* impl = find(test, table, p.type, p.shape.tokens);
  if (!impl) return;
  const std::vector<float> clean = compute(*impl, p, p.shape.tokens, Split::whole, nullptr);
  for (const float value : {NAN, INFINITY, -INFINITY, 3.4e38f}) {
    float& element = p.token(victim)[p.shape.cols / 2];
    const float kept = element;
    element = value;
    std::vector<float> y = compute(*impl, p, p.shape.tokens, Split::whole, nullptr);
    element = kept;
    std::copy_n(clean.data() + victim * p.ldy, p.ldy, y.data() + victim * p.ldy);
    expect_equal(test, *impl, p, clean, y, p.shape.tokens, "another token's NaN or infinity");
  }
}

std::vector<size_t> columns_of(DType type) {
  switch (dtype_info(type).block_elements) {
    case 1:
      return {1, 7, 33, 100, 257, 600, 1280};
    case 32:
      return {32, 64, 96, 160, 256, 288, 544, 1280};
    default:
      return {256, 512, 768, 1280};
  }
}

constexpr size_t kRows[] = {1, 3, 5, 8, 13, 16, 17, 31, 33, 67};
constexpr size_t kTokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 130};

void check_shapes(Test& test, const KernelTable& table, DType type, bool quick) {
  Random random(static_cast<uint64_t>(type) + 1);
  const std::vector<size_t> columns = columns_of(type);
  for (const size_t tokens : kTokens) {
    // Enough of each that every size meets every kernel.
    const size_t repeats = quick ? 1 : tokens <= 8 ? columns.size() : 4;
    for (size_t i = 0; i < repeats; ++i) {
      const size_t cols = columns[quick ? random.below(columns.size()) : (i + tokens) % columns.size()];
      const Problem p(type, {kRows[random.below(std::size(kRows))], cols, tokens}, Scales::ordinary,
                      Inputs::random, random);
      check_values(test, table, p, random);
    }
  }
}

void check_scales(Test& test, const KernelTable& table, DType type, Scales scales, Inputs inputs) {
  Random random(static_cast<uint64_t>(type) + 100);
  const size_t cols = inputs == Inputs::uneven ? columns_of(type).back() : columns_of(type)[3];
  for (const size_t tokens : {1, 2, 3, 6, 17, 33}) {
    const Problem p(type, {19, cols, tokens}, scales, inputs, random);
    check_values(test, table, p, random);
  }
}

void check_type(Tap& tap, const KernelTable& table, DType type, const std::string& name, bool quick) {
  tap.run(name + "shapes", [&](Test& test) { check_shapes(test, table, type, quick); });
  tap.run(name + "zero blocks",
          [&](Test& test) { check_scales(test, table, type, Scales::zero, Inputs::random); });
  tap.run(name + "largest values",
          [&](Test& test) { check_scales(test, table, type, Scales::largest, Inputs::extreme); });
  tap.run(name + "subnormal scales",
          [&](Test& test) { check_scales(test, table, type, Scales::subnormal, Inputs::random); });
  tap.run(name + "subnormal activations",
          [&](Test& test) { check_scales(test, table, type, Scales::ordinary, Inputs::tiny); });
  tap.run(name + "blocks of activations of unlike size",
          [&](Test& test) { check_scales(test, table, type, Scales::ordinary, Inputs::uneven); });
  tap.run(name + "activations that are not finite", [&](Test& test) {
    Random random(7);
    for (const size_t tokens : {2, 5, 17, 33}) {
      const Problem p(type, {17, columns_of(type)[2], tokens}, Scales::ordinary, Inputs::random, random);
      check_poison(test, table, p, random.below(tokens));
    }
  });
}

}  // namespace

void check_matmul(Tap& tap, const KernelTable& table, bool quick) {
  for (const DType type : kAllTypes)
    check_type(tap, table, type, format("%s matmul %s ", table.name, dtype_info(type).name), quick);
}

void check_int8_matmul(Tap& tap, const KernelTable& with, bool quick) {
  constexpr size_t kMany = 512;
  for (const DType type : kAllTypes)
    if (with.matmul(type, kMany)->activations == Activations::i8)
      check_type(tap, with, type, format("%s int8 matmul %s ", with.name, dtype_info(type).name), quick);
}

}  // namespace openelm::check
