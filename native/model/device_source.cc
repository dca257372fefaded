#include "model/device_source.h"

namespace openelm {

gpu::ModelSource device_source(const ModelConfig& config, const Weights& weights) {
  const auto matrix = [](const WeightMatrix& w) { return gpu::MatrixSource{w.type, w.rows, w.cols, w.data}; };
  gpu::ModelSource source;
  source.dim = config.dim;
  source.head_dim = config.head_dim;
  source.vocab_size = config.vocab_size;
  source.rms_eps = config.rms_eps;
  source.embedding = matrix(weights.embedding);
  source.output = matrix(weights.output);
  source.output_norm = weights.output_norm;
  for (size_t i = 0; i < config.layers(); ++i) {
    const LayerWeights& from = weights.layers[i];
    gpu::LayerSource& to = source.layers.emplace_back();
    to.heads = {config.heads[i], config.kv_heads[i], static_cast<uint32_t>(config.head_dim)};
    to.attn_norm = from.attn_norm;
    to.q_norm = from.q_norm;
    to.k_norm = from.k_norm;
    to.ffn_norm = from.ffn_norm;
    to.qkv = matrix(from.qkv);
    to.attn_out = matrix(from.attn_out);
    to.gate = matrix(from.gate);
    to.up = matrix(from.up);
    to.down = matrix(from.down);
  }
  return source;
}

}  // namespace openelm
