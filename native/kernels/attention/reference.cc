// Attention, scalar: scores of one query at a time, softmax in double, no blocking.

#include <cmath>

#include "kernels/variants.h"
#include "quant/dequantize.h"

namespace openelm {
namespace {

DType element_type(KvType type) {
  switch (type) {
    case KvType::f32:
      return DType::f32;
    case KvType::f16:
      return DType::f16;
    case KvType::q8_0:
      return DType::q8_0;
  }
  return DType::f32;
}

}  // namespace

size_t attention_scratch_bytes_reference(size_t positions, size_t /*tokens*/, size_t /*heads*/,
                                         size_t head_dim) {
  return positions * sizeof(double) + 2 * head_dim * sizeof(double);
}

void attention_reference(const AttentionArgs& a) {
  const DType type = element_type(a.kv.type);
  const size_t stride = kv_row_bytes(a.kv.type, a.head_dim);
  const size_t group = a.heads / a.kv_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(a.head_dim));
  double* sum = static_cast<double*>(a.scratch);               // [head_dim]
  float* vector = reinterpret_cast<float*>(sum + a.head_dim);  // [head_dim], one key or value
  double* scores = sum + 2 * a.head_dim;                       // [positions]

  for (size_t t = a.token_begin; t < a.token_end; ++t) {
    const size_t positions = a.first_pos + t + 1;
    for (size_t h = a.head_begin; h < a.head_end; ++h) {
      const size_t head_offset = h / group * a.kv.n_ctx * stride;
      const float* q = a.q + t * a.ldq + h * a.head_dim;
      double largest = -INFINITY;
      for (size_t p = 0; p < positions; ++p) {
        dequantize_row(type, a.kv.k + head_offset + p * stride, vector, a.head_dim);
        double dot = 0;
        for (size_t i = 0; i < a.head_dim; ++i) dot += static_cast<double>(q[i]) * vector[i];
        scores[p] = dot * scale;
        largest = std::fmax(largest, scores[p]);
      }
      double total = 0;
      for (size_t i = 0; i < a.head_dim; ++i) sum[i] = 0;
      for (size_t p = 0; p < positions; ++p) {
        const double weight = std::exp(scores[p] - largest);
        total += weight;
        dequantize_row(type, a.kv.v + head_offset + p * stride, vector, a.head_dim);
        for (size_t i = 0; i < a.head_dim; ++i) sum[i] += weight * vector[i];
      }
      float* out = a.out + t * a.ldo + h * a.head_dim;
      for (size_t i = 0; i < a.head_dim; ++i) out[i] = static_cast<float>(sum[i] / total);
    }
  }
}

}  // namespace openelm
