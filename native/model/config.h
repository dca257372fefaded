#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/status.h"

namespace openelm {

/// Shape of an OpenELM model: widths and head counts differ per layer (layer-wise scaling, arXiv
/// 2404.14619, 2.1).
struct ModelConfig {
  size_t dim = 0;
  size_t head_dim = 0;
  size_t vocab_size = 0;
  std::vector<uint32_t> heads;     // query heads of each layer
  std::vector<uint32_t> kv_heads;  // key/value heads of each layer; divides heads
  std::vector<uint32_t> ffn;       // FFN width of each layer
  double rope_base = 10000;
  float rms_eps = 1e-6f;

  size_t layers() const noexcept { return heads.size(); }
  size_t max_heads() const noexcept;
  size_t max_ffn() const noexcept;

  /// Bounds that the forward pass and its buffers rely on; `invalid` with the reason otherwise.
  Status check() const;
};

}  // namespace openelm
