#pragma once

// From pointers and shapes of the host to the arguments of kernel bodies.

#include <cuda_runtime_api.h>

#include "gpu/bodies/arguments.h"
#include "gpu/device.h"
#include "quant/kv_type.h"

namespace openelm::gpu::cuda {

inline uint64_t address_of(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

inline MatrixRef matrix_ref(const DeviceMatrix& matrix) {
  MatrixRef ref = {};
  ref.quants = matrix.quants;
  ref.scales = matrix.scales;
  ref.rows = matrix.rows;
  ref.cols = matrix.cols;
  return ref;
}

inline FinishHeadsArgs finish_heads_args(const float* qkv, const HeadShape& shape, const float* q_norm,
                                         const float* k_norm, float eps, const float* rope,
                                         uint32_t rope_positions, const DeviceBatch& batch,
                                         const CacheLayout& cache) {
  FinishHeadsArgs args = {};
  args.qkv = address_of(qkv);
  args.q_norm = address_of(q_norm);
  args.k_norm = address_of(k_norm);
  args.rope = address_of(rope);
  args.list = batch.list;
  args.tokens = batch.tokens;
  args.heads = shape.heads;
  args.kv_heads = shape.kv_heads;
  args.head_dim = shape.head_dim;
  args.rope_positions = rope_positions;
  args.eps = eps;
  args.cache = cache;
  return args;
}

/// What `run` returns for a cache's type: run.template operator()<type>().
template <class Run>
cudaError_t with_kv_type(KvType type, Run run) {
  switch (type) {
    case KvType::f32:
      return run.template operator()<KvType::f32>();
    case KvType::f16:
      return run.template operator()<KvType::f16>();
    case KvType::q8_0:
      return run.template operator()<KvType::q8_0>();
  }
  return cudaErrorInvalidValue;
}

}  // namespace openelm::gpu::cuda
