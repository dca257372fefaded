#pragma once

// Sequences with kv caches on a device, for checks of attention and of what goes into caches.

#include <cstring>

#include "gpu/exact.h"
#include "gpu/subject.h"
#include "gpu/types.h"
#include "quant/kv_type.h"
#include "quant/quantize.h"

namespace openelm::check {

inline constexpr KvType kKvTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};

inline DType element_type(KvType type) {
  return type == KvType::f32 ? DType::f32 : type == KvType::f16 ? DType::f16 : DType::q8_0;
}
inline const char* kv_name(KvType type) {
  return dtype_info(element_type(type)).name;
}

/// The layer under test, behind one with a kv head of its own.
inline gpu::CacheLayout layout_of(KvType type, const gpu::HeadShape& shape) {
  return {static_cast<uint32_t>(type), static_cast<uint32_t>(kv_row_bytes(type, shape.head_dim)), 1,
          shape.kv_heads};
}

/// A sequence's cache with room for n_ctx positions, on host and device. Undefined positions are NaN.
struct Sequence {
  Sequence(const Subject& subject, KvType type, const gpu::HeadShape& shape, size_t n_ctx)
      : type(type),
        shape(shape),
        n_ctx(n_ctx),
        stride(kv_row_bytes(type, shape.head_dim)),
        bytes(2 * (1 + shape.kv_heads) * n_ctx * stride, 0xff),
        memory(subject, bytes) {}

  /// Of key (0) or value (1).
  size_t row_offset(size_t part, size_t kv_head, size_t position) const {
    return ((2 + part * shape.kv_heads + kv_head) * n_ctx + position) * stride;
  }
  void fill(size_t part, size_t kv_head, size_t position, float spread, Random& random) {
    const std::vector<float> x = random_floats(shape.head_dim, spread, random);
    quantize_row(element_type(type), x.data(), bytes.data() + row_offset(part, kv_head, position),
                 shape.head_dim);
  }
  void row(size_t part, size_t kv_head, size_t position, float* out) const {
    dequantize_row(element_type(type), bytes.data() + row_offset(part, kv_head, position), out,
                   shape.head_dim);
  }
  gpu::BatchToken token(size_t position) const {
    return {memory.at(), static_cast<uint32_t>(n_ctx), static_cast<uint32_t>(position)};
  }

  KvType type;
  gpu::HeadShape shape;
  size_t n_ctx, stride;
  std::vector<uint8_t> bytes;
  OnDevice<uint8_t> memory;
};

}  // namespace openelm::check
