// Matmul, scalar: the contract of every other variant. Weights through the reference dequantizer, sums in
// double.

#include <cstring>

#include "kernels/variants.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

size_t packed_bytes(size_t tokens, size_t cols) {
  return tokens * cols * sizeof(float);
}

void pack(const float* x, size_t ldx, size_t /*tokens*/, size_t cols, size_t first, size_t last,
          void* packed) {
  for (size_t t = first; t < last; ++t)
    std::memcpy(static_cast<float*>(packed) + t * cols, x + (t - first) * ldx, cols * sizeof(float));
}

size_t scratch_bytes(size_t /*tokens*/, size_t cols) {
  return cols * sizeof(float);
}

void run(const MatmulArgs& args) {
  const size_t cols = args.w->cols;
  float* weights = static_cast<float*>(args.scratch);
  for (size_t row = args.row_begin; row < args.row_end; ++row) {
    dequantize_row(args.w->type, args.w->row(row), weights, cols);
    for (size_t t = 0; t < args.tokens; ++t) {
      const float* x = static_cast<const float*>(args.packed) + t * cols;
      double sum = 0;
      for (size_t i = 0; i < cols; ++i) sum += static_cast<double>(weights[i]) * x[i];
      float& y = args.y[t * args.ldy + row];
      y = static_cast<float>(args.accumulate ? y + sum : sum);
    }
  }
}

constexpr MatmulImpl kReference{"reference", Activations::f32, 1, 1, packed_bytes, pack, scratch_bytes, run};

}  // namespace

const MatmulImpl* matmul_reference(DType /*type*/, size_t /*tokens*/) {
  return &kReference;
}

}  // namespace openelm
