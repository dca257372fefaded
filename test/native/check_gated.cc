// swiglu(gate · x, up · x) as packed activations, where a variant has a kernel for it: against exact
// arithmetic.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "matmul_problem.h"
#include "quant/dequantize.h"

namespace openelm::check {
namespace {

constexpr size_t kLine = 64, kSide = 16, kStep = 32;

/// Column `column` of a token in packed tiles.
float element(PackedForm form, const uint8_t* packed, size_t columns, size_t token, size_t column) {
  const size_t c = column % kStep;
  const size_t place = form == PackedForm::tiles ? c : c % 2 * kSide + c / 2;
  const size_t tile = token / kSide * (columns / kStep) + column / kStep;
  const uint8_t* p = packed + ((tile * kSide + place / 2) * kSide + token % kSide) * 4 + place % 2 * 2;
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A sum and what it may be off by.
struct Sum {
  double value, error;
};

Sum product(const MatmulImpl& impl, const Problem& p, const float* x, size_t row) {
  const size_t n = p.shape.cols;
  std::vector<float> w(n);
  dequantize_row(p.type, p.w.row(row), w.data(), n);
  const std::vector<float> offsets = offsets_of_row(p.type, p.w.row(row), n);
  double sum = 0, magnitude = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(w[i]) * x[i];
    magnitude += (std::fabs(w[i]) + 2 * std::fabs(offsets[i])) * std::fabs(x[i]);
  }
  return {sum, sum_error(n) * magnitude + rounding_error(impl.activations, p, w.data(), offsets, x) +
                   0x1p-126 * static_cast<double>(n)};
}

/// Computes rows `step` at a time, the last ones first.
std::vector<uint8_t> compute(const MatmulImpl& impl, const Problem& gate, const Problem& up, PackedForm form,
                             size_t step) {
  const auto [rows, cols, tokens] = gate.shape;
  Guarded packed(impl.packed_bytes(tokens, cols), kLine), out(impl.packed_bytes(tokens, rows), kLine);
  impl.pack(gate.x.as<float>(), gate.ldx, tokens, cols, 0, tokens, packed.data());
  for (size_t end = rows; end > 0;) {
    const size_t begin = (end - 1) / step * step;
    Guarded scratch(impl.scratch_bytes(tokens, cols), kLine);
    impl.run_gated({&gate.w, &up.w, begin, end, packed.data(), tokens, form, out.data(), scratch.data()});
    end = begin;
  }
  return {out.data(), out.data() + out.size()};
}

void check_shape(Test& test, const MatmulImpl& impl, DType type, Shape shape, PackedForm form,
                 Random& random) {
  const Problem gate(type, shape, Scales::ordinary, Inputs::random, random);
  const Problem up(type, shape, Scales::ordinary, Inputs::random, random);
  const std::vector<uint8_t> whole = compute(impl, gate, up, form, shape.rows);
  const std::vector<uint8_t> pieces = compute(impl, gate, up, form, kGatedMultiple);
  test.expect(whole == pieces, [&] {
    return format("%zu rows, %zu cols, %zu tokens: splitting changes bits", shape.rows, shape.cols,
                  shape.tokens);
  });
  for (size_t t = 0; t < shape.tokens; ++t)
    for (size_t r = 0; r < shape.rows; ++r) {
      const Sum g = product(impl, gate, gate.token(t), r), u = product(impl, up, gate.token(t), r);
      const double silu = g.value / (1 + std::exp(-g.value)), expected = silu * u.value;
      // |silu'| stays below 1.1; the result rounds to bf16.
      const double bound = 1.1 * g.error * (std::fabs(u.value) + u.error) + std::fabs(silu) * u.error +
                           std::fabs(expected) * 0x1.1p-8 + 0x1p-100;
      test.near(expected, element(form, whole.data(), shape.rows, t, r), bound, [&] {
        return format("%zu rows, %zu cols, %zu tokens: row %zu, token %zu", shape.rows, shape.cols,
                      shape.tokens, r, t);
      });
    }
  for (size_t t = shape.tokens; t % kSide != 0; ++t)
    for (size_t r = 0; r < shape.rows; ++r)
      test.expect(element(form, whole.data(), shape.rows, t, r) == 0,
                  [&] { return format("row %zu of token %zu, which is padding, is not zero", r, t); });
}

}  // namespace

void check_gated(Tap& tap, const KernelTable& table, bool quick) {
  constexpr Shape kShapes[] = {{32, 256, 16},  {96, 512, 17},   {352, 1280, 33},
                               {64, 1536, 50}, {288, 2816, 31}, {32, 768, 130}};
  for (const DType type : kAllTypes) {
    const MatmulImpl* impl = table.matmul(type, 512);
    if (!impl || !impl->run_gated) continue;
    tap.run(format("%s gated matmul %s", table.name, dtype_info(type).name), [&](Test& test) {
      Random random(static_cast<uint64_t>(type) + 300);
      for (const Shape& shape : kShapes)
        for (const PackedForm form : {PackedForm::tiles, PackedForm::nibble_tiles})
          if (!quick || random.below(6) == 0) check_shape(test, *impl, type, shape, form, random);
      if (quick) check_shape(test, *impl, type, kShapes[1], impl->form, random);
    });
  }
}

}  // namespace openelm::check
