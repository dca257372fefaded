#pragma once

// What each variant exports: the same ops under a suffix. Declared from one macro so that no variant can
// drift.

#include "kernels/kernel_table.h"

#define OPENELM_DECLARE_VARIANT(isa)                                                                    \
  const MatmulImpl* matmul_##isa(DType type, size_t tokens);                                            \
  size_t attention_scratch_bytes_##isa(size_t positions, size_t tokens, size_t heads, size_t head_dim); \
  void attention_##isa(const AttentionArgs& args);                                                      \
  void rms_norm_##isa(const float* x, const float* weight, float eps, size_t n, float* y);              \
  void rope_##isa(float* x, const float* cos, const float* sin, size_t heads, size_t head_dim);         \
  void swiglu_##isa(const float* gate, const float* up, size_t n, float* y);                            \
  void softmax_##isa(float* x, size_t n);                                                               \
  void kv_store_##isa(const float* x, size_t head_dim, KvType type, uint8_t* dst);                      \
  VocabularyImpl vocabulary_##isa();                                                                    \
  ProbeImpl probe_##isa();

namespace openelm {

OPENELM_DECLARE_VARIANT(reference)
OPENELM_DECLARE_VARIANT(avx2)
OPENELM_DECLARE_VARIANT(avx512)
OPENELM_DECLARE_VARIANT(neon)

/// matmul_avx512 with 8-bit activations for batches of the types that have such kernels.
const MatmulImpl* matmul_int8_avx512(DType type, size_t tokens);

/// AMX only has tiles: matmul and attention for batches, and its peak. Everything else of that variant is
/// avx512's.
const MatmulImpl* matmul_amx(DType type, size_t tokens);
size_t attention_scratch_bytes_amx(size_t positions, size_t tokens, size_t heads, size_t head_dim);
void attention_amx(const AttentionArgs& args);
constexpr float kAmxAttentionRounding = 0x1p-7f;  // weights and values are bf16, 2^-8 each
ProbeImpl probe_amx();

}  // namespace openelm
