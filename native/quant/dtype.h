#pragma once

#include <cstddef>
#include <cstdint>

namespace openelm {

/// Element types of weight tensors. The values are GGUF's `ggml_type` ids (GGUF specification, "ggml_type").
enum class DType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  bf16 = 30,
};

struct DTypeInfo {
  DType type;
  const char* name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

/// Facts about a type id from a file, or nullptr when the id is not one we read.
const DTypeInfo* find_dtype(uint32_t id) noexcept;

/// Facts about a known type.
const DTypeInfo& dtype_info(DType type) noexcept;

/// Bytes of one row of `cols` elements. `cols` must be a multiple of the type's block.
inline size_t row_bytes(DType type, size_t cols) noexcept {
  const DTypeInfo& info = dtype_info(type);
  return cols / info.block_elements * info.block_bytes;
}

}  // namespace openelm
