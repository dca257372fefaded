#include "model/weights.h"

#include <cstring>
#include <unordered_map>

#include "model/synthetic.h"
#include "quant/dequantize.h"

namespace openelm {

std::vector<TensorPlace> tensor_places(const ModelConfig& config, Weights* weights) {
  std::vector<TensorPlace> places;
  const auto matrix = [&places](std::string name, size_t rows, size_t cols, WeightMatrix* place) {
    places.push_back({std::move(name), rows, cols, place, nullptr});
  };
  const auto vector = [&places](std::string name, size_t cols, const float** place) {
    places.push_back({std::move(name), 1, cols, nullptr, place});
  };
  weights->layers.resize(config.layers());
  matrix("token_embd.weight", config.vocab_size, config.dim, &weights->embedding);
  for (size_t i = 0; i < config.layers(); ++i) {
    LayerWeights& layer = weights->layers[i];
    const std::string prefix = "blk." + std::to_string(i) + ".";
    const size_t heads = config.heads[i], kv_heads = config.kv_heads[i];
    vector(prefix + "attn_norm.weight", config.dim, &layer.attn_norm);
    matrix(prefix + "attn_qkv.weight", (heads + 2 * kv_heads) * config.head_dim, config.dim, &layer.qkv);
    vector(prefix + "attn_q_norm.weight", config.head_dim, &layer.q_norm);
    vector(prefix + "attn_k_norm.weight", config.head_dim, &layer.k_norm);
    matrix(prefix + "attn_output.weight", config.dim, heads * config.head_dim, &layer.attn_out);
    vector(prefix + "ffn_norm.weight", config.dim, &layer.ffn_norm);
    matrix(prefix + "ffn_gate.weight", config.ffn[i], config.dim, &layer.gate);
    matrix(prefix + "ffn_up.weight", config.ffn[i], config.dim, &layer.up);
    matrix(prefix + "ffn_down.weight", config.dim, config.ffn[i], &layer.down);
  }
  vector("output_norm.weight", config.dim, &weights->output_norm);
  return places;
}

/// Puts tensors in their places and the norms in one buffer.
class WeightsBuilder {
 public:
  WeightsBuilder() : weights_(std::make_shared<Weights>()) {}

  Result<std::shared_ptr<const Weights>> from_file(const ModelConfig& config, WeightFile file,
                                                   const std::vector<TensorInfo>& tensors) {
    std::unordered_map<std::string, const TensorInfo*> by_name;
    for (const TensorInfo& tensor : tensors) {
      if (!by_name.emplace(tensor.name, &tensor).second)
        return Status(Code::invalid, "Tensor " + tensor.name + " appears twice");
    }
    std::vector<TensorPlace> places = tensor_places(config, weights_.get());
    const bool own_output = by_name.count("output.weight") != 0;
    if (own_output)
      places.push_back({"output.weight", config.vocab_size, config.dim, &weights_->output, nullptr});

    if (Status status = reserve_norms(places); !status.ok()) return status;
    for (const TensorPlace& place : places) {
      const auto found = by_name.find(place.name);
      if (found == by_name.end()) return Status(Code::invalid, "Tensor " + place.name + " is missing");
      const TensorInfo& tensor = *found->second;
      if (Status status = check(tensor, place, *file.map); !status.ok()) return status;
      const size_t size = tensor.rows * row_bytes(tensor.type, tensor.cols);
      const bool copied = file.copy && file.copy->contains(tensor.offset, size);
      const uint8_t* data = copied ? file.copy->at(tensor.offset) : file.map->data() + tensor.offset;
      weights_->bytes_ += size;
      if (place.matrix) *place.matrix = {tensor.type, tensor.rows, tensor.cols, data};
      if (place.vector) dequantize_row(tensor.type, data, next_norm(place), tensor.cols);
    }
    if (!own_output) weights_->output = weights_->embedding;
    weights_->file_ = std::move(file);
    return std::shared_ptr<const Weights>(std::move(weights_));
  }

  Result<std::shared_ptr<const Weights>> synthetic(const ModelConfig& config, DType type, ThreadPool& pool) {
    const std::vector<TensorPlace> places = tensor_places(config, weights_.get());
    if (Status status = reserve_norms(places); !status.ok()) return status;
    size_t bytes = 0;
    for (const TensorPlace& place : places) {
      if (!place.matrix) continue;
      if (place.cols % dtype_info(type).block_elements != 0)
        return Status(Code::invalid,
                      place.name + " has rows that are not whole blocks of " + dtype_info(type).name);
      bytes += align(place.rows * row_bytes(type, place.cols));
    }
    if (Status status = weights_->matrices_.reserve(bytes); !status.ok()) return status;
    uint8_t* data = weights_->matrices_.data();
    for (const TensorPlace& place : places) {
      if (place.vector) {
        synthetic_vector(config, place, next_norm(place));
        weights_->bytes_ += place.cols * sizeof(float);
        continue;
      }
      const size_t size = place.rows * row_bytes(type, place.cols);
      synthetic_matrix(config, place, type, data, pool);
      *place.matrix = {type, place.rows, place.cols, data};
      weights_->bytes_ += size;
      data += align(size);
    }
    weights_->output = weights_->embedding;
    return std::shared_ptr<const Weights>(std::move(weights_));
  }

 private:
  /// Tensors of a GGUF file begin at multiples of 32 bytes; ours likewise, a cache line apart.
  static size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

  Status reserve_norms(const std::vector<TensorPlace>& places) {
    size_t bytes = 0;
    for (const TensorPlace& place : places)
      if (place.vector) bytes += align(place.cols * sizeof(float));
    next_norm_ = 0;
    return weights_->norms_.reserve(bytes);
  }

  float* next_norm(const TensorPlace& place) {
    float* norm = reinterpret_cast<float*>(weights_->norms_.data() + next_norm_);
    next_norm_ += align(place.cols * sizeof(float));
    *place.vector = norm;
    return norm;
  }

  static Status check(const TensorInfo& tensor, const TensorPlace& place, const MappedFile& file) {
    const auto shape = [](size_t rows, size_t cols) {
      return std::to_string(rows) + " x " + std::to_string(cols);
    };
    if (tensor.rows != place.rows || tensor.cols != place.cols) {
      return Status(Code::invalid, "Tensor " + tensor.name + " has shape " + shape(tensor.rows, tensor.cols) +
                                       ", the configuration asks for " + shape(place.rows, place.cols));
    }
    if (tensor.cols % dtype_info(tensor.type).block_elements != 0)
      return Status(Code::invalid, "Rows of tensor " + tensor.name + " are not whole blocks");
    // The config's bounds keep this product far from overflow.
    if (!file.contains(tensor.offset,
                       static_cast<uint64_t>(tensor.rows) * row_bytes(tensor.type, tensor.cols)))
      return Status(Code::invalid, "Tensor " + tensor.name + " lies outside the file");
    return {};
  }

  std::shared_ptr<Weights> weights_;
  size_t next_norm_ = 0;
};

Result<std::shared_ptr<const Weights>> Weights::from_file(const ModelConfig& config, WeightFile file,
                                                          const std::vector<TensorInfo>& tensors) {
  return WeightsBuilder().from_file(config, std::move(file), tensors);
}

Result<std::shared_ptr<const Weights>> Weights::synthetic(const ModelConfig& config, DType type,
                                                          ThreadPool& pool) {
  return WeightsBuilder().synthetic(config, type, pool);
}

}  // namespace openelm
