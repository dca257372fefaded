// Weights from a hash of their name and index: the rule of test/golden/README.md, so that golden logits can
// be recorded elsewhere without shipping a model, and benches need no download.

#include "model/synthetic.h"

#include <cmath>
#include <memory>
#include <string_view>

#include "quant/half.h"
#include "quant/quantize.h"
#include "runtime/thread_pool.h"

namespace openelm {
namespace {

/// Where the noise of a tensor comes from: the Hugging Face tensor it is (part of) and its spread.
struct Source {
  std::string name;
  size_t first_row;  // ffn_up is the second half of proj_1
  double std;
};

Source source_of(const ModelConfig& config, const TensorPlace& place) {
  const double by_dim = 1.0 / std::sqrt(static_cast<double>(config.dim));
  const std::string_view name = place.name;
  if (name == "token_embd.weight") return {"transformer.token_embeddings.weight", 0, by_dim};
  if (name == "output_norm.weight") return {"transformer.norm.weight", 0, 0.2};
  const size_t dot = name.find('.', 4);  // "blk.N.": the tensor's own name follows
  const std::string layer = "transformer.layers." + std::string(name.substr(4, dot - 4)) + ".";
  const std::string_view part = name.substr(dot + 1);
  if (part == "attn_norm.weight") return {layer + "attn_norm.weight", 0, 0.2};
  if (part == "ffn_norm.weight") return {layer + "ffn_norm.weight", 0, 0.2};
  if (part == "attn_q_norm.weight") return {layer + "attn.q_norm.weight", 0, 0.3};
  if (part == "attn_k_norm.weight") return {layer + "attn.k_norm.weight", 0, 0.3};
  if (part == "attn_qkv.weight") return {layer + "attn.qkv_proj.weight", 0, 1.5 * by_dim};
  if (part == "attn_output.weight") return {layer + "attn.out_proj.weight", 0, by_dim};
  if (part == "ffn_gate.weight") return {layer + "ffn.proj_1.weight", 0, 1.5 * by_dim};
  if (part == "ffn_up.weight") return {layer + "ffn.proj_1.weight", place.rows, 1.5 * by_dim};
  return {layer + "ffn.proj_2.weight", 0, 1.0 / std::sqrt(static_cast<double>(place.cols))};
}

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

/// Uniform noise of a given spread: splitmix64 at a counter.
class Noise {
 public:
  explicit Noise(const Source& source)
      : key_(fnv1a(source.name)), amplitude_(static_cast<float>(std::sqrt(3.0) * source.std)) {}

  float at(uint64_t index) const {
    uint64_t z = key_ + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    const float u = static_cast<float>(z >> 40) * 0x1p-24f;
    return (2.0f * u - 1.0f) * amplitude_;
  }

 private:
  uint64_t key_;
  float amplitude_;
};

}  // namespace

void synthetic_vector(const ModelConfig& config, const TensorPlace& place, float* out) {
  const Noise noise(source_of(config, place));
  for (size_t i = 0; i < place.cols; ++i) out[i] = 1.0f + noise.at(i);
}

void synthetic_matrix(const ModelConfig& config, const TensorPlace& place, DType type, uint8_t* out,
                      ThreadPool& pool) {
  const Source source = source_of(config, place);
  const Noise noise(source);
  const size_t stride = row_bytes(type, place.cols);
  pool.run([&](Worker& worker) {
    const auto values = std::make_unique<float[]>(place.cols);
    worker.for_chunks(place.rows, 64, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        const uint64_t first = (source.first_row + row) * place.cols;
        for (size_t i = 0; i < place.cols; ++i) values[i] = half_to_float(float_to_half(noise.at(first + i)));
        quantize_row(type, values.get(), out + row * stride, place.cols);
      }
    });
  });
}

}  // namespace openelm
