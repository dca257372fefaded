#pragma once

// The weights of the layers a device holds, in its own memory, quantized as in the file.

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/memory.h"

namespace openelm::gpu {

/// A matrix in host memory, as files have it: rows of row_bytes(type, cols).
struct MatrixSource {
  DType type = DType::f32;
  size_t rows = 0, cols = 0;
  const uint8_t* data = nullptr;
};

struct LayerSource {
  HeadShape heads{};
  const float* attn_norm = nullptr;  // [dim]
  const float* q_norm = nullptr;     // [head_dim]
  const float* k_norm = nullptr;     // [head_dim]
  const float* ffn_norm = nullptr;   // [dim]
  MatrixSource qkv;                  // [(heads + 2 kv_heads) · head_dim][dim]
  MatrixSource attn_out;             // [dim][heads · head_dim]
  MatrixSource gate, up;             // [ffn][dim]
  MatrixSource down;                 // [dim][ffn]
};

/// A whole model in host memory.
struct ModelSource {
  size_t dim = 0, head_dim = 0, vocab_size = 0;
  float rms_eps = 0;
  std::vector<LayerSource> layers;
  MatrixSource embedding, output;  // the same data where they are tied
  const float* output_norm = nullptr;

  /// Those of layers [first, layers.size()); output and, with all layers, the embedding included.
  std::vector<const MatrixSource*> matrices(size_t first) const;
};

struct DeviceLayer {
  HeadShape heads{};
  uint32_t heads_before = 0;  // kv heads of the layers before it on the device
  DevicePointer attn_norm = 0, q_norm = 0, k_norm = 0, ffn_norm = 0;
  DeviceMatrix qkv, attn_out, gate, up, down;
};

/// Layers [first, last], the output and, with all layers, the embedding. Uploaded once.
class DeviceWeights {
 public:
  static Result<std::unique_ptr<DeviceWeights>> upload(Device& device, const ModelSource& source,
                                                       size_t first);
  DeviceWeights(const DeviceWeights&) = delete;
  DeviceWeights& operator=(const DeviceWeights&) = delete;
  ~DeviceWeights();

  std::vector<DeviceLayer> layers;
  DeviceMatrix output;
  DeviceMatrix embedding;  // of whole models
  DevicePointer output_norm = 0;
  size_t dim = 0, head_dim = 0;
  float rms_eps = 0;
  /// Whether all layers are here.
  bool whole = false;

  size_t bytes() const noexcept { return bytes_; }
  size_t vocab_size() const noexcept { return output.rows; }
  size_t max_qkv() const noexcept;  // widths of activations
  size_t max_attn() const noexcept;
  size_t max_ffn() const noexcept;
  /// The most heads of a layer.
  HeadShape largest_heads() const noexcept;
  /// kv heads of all layers.
  size_t kv_heads() const noexcept;

 private:
  explicit DeviceWeights(Device& device) : device_(device) {}
  Status upload_all(const ModelSource& source, size_t first);
  Status upload_norms(const ModelSource& source, size_t first);
  Status upload_matrix(const MatrixSource& source, DeviceMatrix& matrix);

  Device& device_;
  std::vector<DeviceMatrix> matrices_;  // owned
  DeviceMemory norms_;
  size_t bytes_ = 0;
};

/// Bytes that the weights of layers [first, last] take on a device, with output and embedding.
size_t weight_bytes(const Device& device, const ModelSource& source, size_t first);

}  // namespace openelm::gpu
