#include "gpu/weights.h"

#include <algorithm>

namespace openelm::gpu {
namespace {

/// Norms lie in one piece of memory, each aligned for vector loads.
size_t norm_bytes(size_t count) {
  return (count * sizeof(float) + 255) / 256 * 256;
}

size_t norm_bytes(const ModelSource& source, size_t first) {
  const size_t layer = 2 * norm_bytes(source.dim) + 2 * norm_bytes(source.head_dim);
  return (source.layers.size() - first) * layer + norm_bytes(source.dim);
}

}  // namespace

std::vector<const MatrixSource*> ModelSource::matrices(size_t first) const {
  std::vector<const MatrixSource*> all;
  for (size_t i = first; i < layers.size(); ++i) {
    const LayerSource& layer = layers[i];
    all.insert(all.end(), {&layer.qkv, &layer.attn_out, &layer.gate, &layer.up, &layer.down});
  }
  all.push_back(&output);
  if (first == 0 && embedding.data != output.data) all.push_back(&embedding);
  return all;
}

size_t weight_bytes(const Device& device, const ModelSource& source, size_t first) {
  size_t bytes = norm_bytes(source, first);
  for (const MatrixSource* matrix : source.matrices(first))
    bytes += device.matrix_bytes(matrix->type, matrix->rows, matrix->cols);
  return bytes;
}

Result<std::unique_ptr<DeviceWeights>> DeviceWeights::upload(Device& device, const ModelSource& source,
                                                             size_t first) {
  std::unique_ptr<DeviceWeights> weights(new DeviceWeights(device));
  if (Status status = weights->upload_all(source, first); !status.ok()) return status;
  return weights;
}

DeviceWeights::~DeviceWeights() {
  for (DeviceMatrix& matrix : matrices_) device_.release_matrix(matrix);
}

Status DeviceWeights::upload_all(const ModelSource& source, size_t first) {
  dim = source.dim;
  head_dim = source.head_dim;
  rms_eps = source.rms_eps;
  whole = first == 0;
  bytes_ = weight_bytes(device_, source, first);
  if (Status status = upload_norms(source, first); !status.ok()) return status;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerSource& from = source.layers[first + i];
    DeviceLayer& to = layers[i];
    for (const auto& [matrix, place] :
         {std::pair{&from.qkv, &to.qkv}, std::pair{&from.attn_out, &to.attn_out},
          std::pair{&from.gate, &to.gate}, std::pair{&from.up, &to.up}, std::pair{&from.down, &to.down}})
      if (Status status = upload_matrix(*matrix, *place); !status.ok()) return status;
  }
  if (Status status = upload_matrix(source.output, output); !status.ok()) return status;
  if (whole && source.embedding.data == source.output.data)
    embedding = output;
  else if (whole)
    if (Status status = upload_matrix(source.embedding, embedding); !status.ok()) return status;
  return device_.synchronize();
}

Status DeviceWeights::upload_norms(const ModelSource& source, size_t first) {
  if (Status status = norms_.allocate(device_, norm_bytes(source, first)); !status.ok()) return status;
  size_t next = 0;
  const auto upload = [&](const float* norm, size_t count) {
    const DevicePointer place = norms_.at(next);
    device_.upload(place, norm, count * sizeof(float));
    next += norm_bytes(count);
    return place;
  };
  uint32_t heads_before = 0;
  for (size_t i = first; i < source.layers.size(); ++i) {
    const LayerSource& from = source.layers[i];
    DeviceLayer& to = layers.emplace_back();
    to.heads = from.heads;
    to.heads_before = heads_before;
    heads_before += from.heads.kv_heads;
    to.attn_norm = upload(from.attn_norm, dim);
    to.ffn_norm = upload(from.ffn_norm, dim);
    to.q_norm = upload(from.q_norm, head_dim);
    to.k_norm = upload(from.k_norm, head_dim);
  }
  output_norm = upload(source.output_norm, dim);
  return {};
}

Status DeviceWeights::upload_matrix(const MatrixSource& source, DeviceMatrix& matrix) {
  Result<DeviceMatrix> uploaded = device_.upload_matrix(source.type, source.rows, source.cols, source.data);
  if (!uploaded.ok()) return uploaded.status;
  matrix = uploaded.value;
  matrices_.push_back(matrix);
  return {};
}

size_t DeviceWeights::max_qkv() const noexcept {
  size_t most = 0;
  for (const DeviceLayer& layer : layers) most = std::max<size_t>(most, layer.qkv.rows);
  return most;
}

size_t DeviceWeights::max_attn() const noexcept {
  size_t most = 0;
  for (const DeviceLayer& layer : layers) most = std::max<size_t>(most, layer.attn_out.cols);
  return most;
}

size_t DeviceWeights::max_ffn() const noexcept {
  size_t most = 0;
  for (const DeviceLayer& layer : layers) most = std::max<size_t>(most, layer.gate.rows);
  return most;
}

HeadShape DeviceWeights::largest_heads() const noexcept {
  HeadShape largest{0, 0, static_cast<uint32_t>(head_dim)};
  for (const DeviceLayer& layer : layers) {
    largest.heads = std::max(largest.heads, layer.heads.heads);
    largest.kv_heads = std::max(largest.kv_heads, layer.heads.kv_heads);
  }
  return largest;
}

size_t DeviceWeights::kv_heads() const noexcept {
  size_t all = 0;
  for (const DeviceLayer& layer : layers) all += layer.heads.kv_heads;
  return all;
}

}  // namespace openelm::gpu
