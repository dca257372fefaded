// Products of all types and tiles on the device, against sums in double of the inputs rounded to bf16 as the
// kernels round them.

#include <algorithm>

#include "gpu/cuda/gemm.h"
#include "gpu/cuda/gemm_inputs.h"
#include "gpu/tensor/matrix.h"

namespace openelm::gpu::cuda {
namespace {

struct Problem {
  DType type;
  uint32_t n, rows, cols;
  bool norm, add, gated;
};

double rounded(float v) {
  return bfloat_to_float(float_to_bfloat(v));
}

/// Activations as they should be multiplied.
std::vector<double> activations(const std::vector<float>& x, const Problem& p,
                                const std::vector<float>& norm) {
  std::vector<double> out(x.size());
  for (uint32_t t = 0; t < p.n; ++t) {
    const float* row = x.data() + size_t{t} * p.cols;
    double squares = 0;
    for (uint32_t c = 0; c < p.cols; ++c) squares += static_cast<double>(row[c]) * row[c];
    const auto scale = static_cast<float>(1 / std::sqrt(squares / p.cols + 1e-6));
    for (uint32_t c = 0; c < p.cols; ++c)
      out[size_t{t} * p.cols + c] = rounded(p.norm ? row[c] * scale * norm[c] : row[c]);
  }
  return out;
}

struct Sum {
  double value = 0, bound = 0;  // the bound grows with the magnitude of what is added
};
Sum dot(const double* x, const std::vector<float>& w) {
  Sum sum;
  for (size_t c = 0; c < w.size(); ++c) {
    const double product = x[c] * rounded(w[c]);
    sum.value += product;
    sum.bound += std::abs(product);
  }
  // Sums in f32; and a norm's scale or a weight of which the last bit of f32 differs may fall to the other
  // side of a bf16.
  sum.bound = sum.bound * 1e-5 + std::sqrt(sum.bound * sum.bound / static_cast<double>(w.size())) * 8e-3;
  return sum;
}

void check_product(const Problem& p, size_t first_tile) {
  emulation::Random random(p.n + p.rows + p.cols);
  const TestMatrix w(p.type, p.rows, p.cols, 1), up(p.type, p.rows, p.cols, 2);
  const std::vector<float> x = random_floats(size_t{p.n} * p.cols, 3, random);
  const std::vector<float> norm = random_floats(p.cols, 2, random);
  const uint32_t ldy = p.rows + 8;
  const std::vector<float> before = random_floats(size_t{p.n} * ldy, 1, random);
  const Array<float> x_there(x), norm_there(norm), y_there(before);
  const size_t weight_bytes = gemm_weight_bytes(p.rows, p.cols);
  const Array<uint8_t> x_space(gemm_activation_bytes(p.n, p.cols)), w_space(weight_bytes);
  const GemmWorkspace space = {x_space.data(), w_space.data(), weight_bytes, multiprocessors(), first_tile};
  GemmOutput out;
  out.y = y_there.data();
  out.ldy = ldy;
  out.store = p.add ? Store::add : Store::set;
  const float* const norm_or_not = p.norm ? norm_there.data() : nullptr;
  require(p.gated ? gated_gemm(w.device(), up.device(), x_there.data(), p.n, norm_or_not, 1e-6f, out, space,
                               nullptr)
                  : gemm(w.device(), x_there.data(), p.n, norm_or_not, 1e-6f, out, space, nullptr),
          "gemm");
  require(cudaDeviceSynchronize(), "gemm");
  const std::vector<float> y = y_there.get();

  const std::vector<double> inputs = activations(x, p, norm);
  double worst = 0;
  uint32_t worst_token = 0, worst_row = 0;
  // All of small problems; of large ones rows that are spread over all, the last included.
  const uint32_t stride = std::max(1u, p.rows / 97), token_stride = std::max(1u, p.n / 41);
  for (uint32_t back = 0; back < p.rows; back += stride) {
    const uint32_t r = p.rows - 1 - back;
    const std::vector<float> weights = w.row(r), up_weights = up.row(r);
    for (uint32_t t = 0; t < p.n; t += token_stride) {
      const double* const token = inputs.data() + size_t{t} * p.cols;
      Sum expected = dot(token, weights);
      if (p.gated) {
        const Sum other = dot(token, up_weights);
        const double silu = expected.value / (1 + std::exp(-expected.value));
        expected.bound = 1.1 * expected.bound * std::abs(other.value) + other.bound * std::abs(silu) + 1e-5;
        expected.value = silu * other.value;
      }
      if (p.add) expected.value += before[size_t{t} * ldy + r];
      const double error = std::abs(y[size_t{t} * ldy + r] - expected.value) / (expected.bound + 1e-5);
      if (error > worst || std::isnan(error)) {
        worst = emulation::larger(worst, error);
        worst_token = t;
        worst_row = r;
      }
    }
  }
  for (uint32_t t = 0; t < p.n; ++t) {
    for (uint32_t r = p.rows; r < ldy; ++r)
      if (y[size_t{t} * ldy + r] != before[size_t{t} * ldy + r]) worst = INFINITY;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s %s n %u, %u x %u%s%s: error %.2f of its bound, at token %u row %u",
                p.gated ? "gated" : "gemm", dtype_info(p.type).name, p.n, p.rows, p.cols,
                p.norm ? ", norm" : "", p.add ? ", add" : "", worst, worst_token, worst_row);
  emulation::report(worst <= 1, text);
}

}  // namespace

void check_gemm_on_device(size_t first_tile) {
  using enum DType;
  const auto check = [&](const Problem& p) { check_product(p, first_tile); };
  for (const DType type : {f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl})
    check({type, 45, 200, 160, true, false, false});
  for (const DType type : {q2_k, q3_k, q4_k, q5_k, q6_k}) check({type, 45, 200, 512, false, true, false});
  for (const uint32_t n : {9u, 17u, 64u, 129u, 300u}) {
    check({q8_0, n, 192 * 7, 1280, true, false, false});
    check({q4_0, n, 1408, 768, true, false, true});
  }
  check({f32, 13, 33, 50, true, true, false});
  check({q8_0, 24, 32128, 1280, true, false, false});  // in panels
  check({q8_0, 600, 12288, 3072, true, false, true});
  check({q4_k, 512, 3072, 12288, false, true, false});
}

}  // namespace openelm::gpu::cuda
