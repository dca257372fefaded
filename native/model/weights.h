#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/matmul/matmul.h"
#include "model/config.h"
#include "runtime/buffer.h"
#include "runtime/file_copy.h"
#include "runtime/mapped_file.h"

namespace openelm {

class ThreadPool;

struct LayerWeights {
  const float* attn_norm = nullptr;  // [dim]
  WeightMatrix qkv;                  // [(heads + 2 kv_heads) · head_dim][dim], rows Q | K | V
  const float* q_norm = nullptr;     // [head_dim]
  const float* k_norm = nullptr;     // [head_dim]
  WeightMatrix attn_out;             // [dim][heads · head_dim]
  const float* ffn_norm = nullptr;   // [dim]
  WeightMatrix gate, up;             // [ffn][dim]
  WeightMatrix down;                 // [dim][ffn]
};

/// A tensor as a file names it; for vectors rows is 1.
struct TensorInfo {
  std::string name;
  DType type;
  size_t rows, cols;
  uint64_t offset;
};

/// A file of tensors. Those that lie in `copy`, which may be null, are used from there, the others from the
/// map.
struct WeightFile {
  std::shared_ptr<const MappedFile> map;
  std::shared_ptr<const FileCopy> copy;
};

/// All weights of a model. Matrices point into the mapped file or its copy (or, for synthetic ones, into
/// memory of our own) and are never copied; the norms, a few kilobytes, are expanded to f32.
class Weights {
 public:
  /// Checks that every tensor the config asks for is there, once, with its shape and inside the file.
  static Result<std::shared_ptr<const Weights>> from_file(const ModelConfig& config, WeightFile file,
                                                          const std::vector<TensorInfo>& tensors);

  /// Random weights that anyone can compute again: the rule of test/golden/README.md, matrices then
  /// quantized.
  static Result<std::shared_ptr<const Weights>> synthetic(const ModelConfig& config, DType type,
                                                          ThreadPool& pool);

  WeightMatrix embedding;  // [vocab_size][dim]
  WeightMatrix output;     // the logits' matrix: the embedding, unless the file has one of its own
  const float* output_norm = nullptr;
  std::vector<LayerWeights> layers;

  /// Bytes of all tensors.
  size_t bytes() const noexcept { return bytes_; }

 private:
  friend class WeightsBuilder;
  WeightFile file_;
  Buffer matrices_, norms_;
  size_t bytes_ = 0;
};

/// What a tensor of the model is: name in GGUF, shape, where its place in Weights is.
struct TensorPlace {
  std::string name;
  size_t rows, cols;
  WeightMatrix* matrix = nullptr;  // one of the two is set
  const float** vector = nullptr;
};

/// Every tensor a config asks for, with its place in `weights` (whose layers are sized here).
std::vector<TensorPlace> tensor_places(const ModelConfig& config, Weights* weights);

}  // namespace openelm
