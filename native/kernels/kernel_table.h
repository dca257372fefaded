#pragma once

// The ops of one instruction-set variant. cpu/dispatch.cc fills one table a variant; everything above sees
// only this.

#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/matmul/matmul.h"
#include "kernels/probe/probe.h"
#include "kernels/vocabulary/vocabulary.h"

namespace openelm {

struct KernelTable {
  const char* name;  // "reference", "avx2", "avx512", "amx", "neon"

  /// The implementation for weights of a type and a number of tokens in the batch (1 is decode). Never null:
  /// types without kernels of their own go through a dequantizing path.
  const MatmulImpl* (*matmul)(DType type, size_t tokens);

  AttentionImpl attention;

  /// y = x / sqrt(mean(x²) + eps) · weight over n elements, in f32; y may be x. (Zhang & Sennrich, arXiv
  /// 1910.07467)
  void (*rms_norm)(const float* x, const float* weight, float eps, size_t n, float* y);

  /// Rotates the pairs (i, i + head_dim/2) of `heads` vectors laid one after another by the angles of one
  /// position (half-split form). cos and sin hold head_dim/2 values each. (Su et al., RoFormer, arXiv
  /// 2104.09864)
  void (*rope)(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim);

  /// y = gate / (1 + exp(-gate)) · up; y may be gate. (Shazeer, arXiv 2002.05202)
  void (*swiglu)(const float* gate, const float* up, size_t n, float* y);

  /// x = exp(x - max) / sum, in place.
  void (*softmax)(float* x, size_t n);

  /// Stores one head's vector in the cache's type (kv_row_bytes at dst). q8_0 as in quant/quantize.h.
  void (*kv_store)(const float* x, size_t head_dim, KvType type, uint8_t* dst);

  /// For the sampler; the same bits in every variant.
  VocabularyImpl vocabulary;

  /// Limits to hold the others against.
  ProbeImpl probe;
};

}  // namespace openelm
