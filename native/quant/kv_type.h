#pragma once

// For every backend, like blocks.h.

#ifndef __METAL_VERSION__
#include <cstddef>
#include <cstdint>
#endif

namespace openelm {

/// Element type of the kv cache.
enum class KvType : uint32_t { f32, f16, q8_0 };

/// Bytes of one head's vector in the cache. head_dim is a multiple of 16, for q8_0 of 32.
inline size_t kv_row_bytes(KvType type, size_t head_dim) noexcept {
  switch (type) {
    case KvType::f32:
      return head_dim * 4;
    case KvType::f16:
      return head_dim * 2;
    case KvType::q8_0:
      return head_dim / 32 * 34;
  }
  return 0;
}

}  // namespace openelm
