#include "gpu/bench/step.h"

#include <cstdio>

#include "quant/kv_type.h"

namespace openelm::check {
namespace {

using gpu::DeviceMatrix;
using gpu::DevicePointer;

constexpr uint32_t kPositions = 2048, kVocab = 32000, kSteps = 4;
constexpr float kEps = 1e-6f;

/// Layers of one size, the mean of a model's.
struct Model {
  const char* name;
  uint32_t layers, dim, ffn;
  gpu::HeadShape heads;

  uint32_t width() const { return (heads.heads + 2 * heads.kv_heads) * heads.head_dim; }
  uint32_t attn() const { return heads.heads * heads.head_dim; }
};
constexpr Model kModels[] = {{"270M", 16, 1280, 2816, {16, 4, 64}}, {"3B", 36, 3072, 7936, {20, 5, 128}}};

/// Copies of each matrix of a layer, one a layer.
struct Weights {
  Weights(Bench& b, const Model& m, DType type) : bench(b) {
    const auto copies = [&](uint32_t rows, uint32_t cols) {
      return bench.matrices(type, rows, cols, m.layers * rows * row_bytes(type, cols));
    };
    qkv = copies(m.width(), m.dim);
    attn_out = copies(m.dim, m.attn());
    gate = copies(m.ffn, m.dim);
    up = copies(m.ffn, m.dim);
    down = copies(m.dim, m.ffn);
    output = copies(kVocab, m.dim);
  }
  ~Weights() {
    for (auto* all : {&qkv, &attn_out, &gate, &up, &down, &output}) bench.release(*all);
  }
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  Bench& bench;
  std::vector<DeviceMatrix> qkv, attn_out, gate, up, down, output;
};

double weight_bytes(const Model& m, DType type) {
  const size_t layer = m.width() * row_bytes(type, m.dim) + m.dim * row_bytes(type, m.attn()) +
                       2 * m.ffn * row_bytes(type, m.dim) + m.dim * row_bytes(type, m.ffn);
  return static_cast<double>(m.layers * layer + kVocab * row_bytes(type, m.dim));
}

void bench_model(Bench& bench, const Model& m, DType type, double limit) {
  gpu::Device& device = bench.device;
  const Weights w(bench, m, type);
  const DevicePointer residual = bench.floats(m.dim), qkv = bench.floats(m.width()),
                      attn = bench.floats(m.attn()), ffn = bench.floats(m.ffn), logits = bench.floats(kVocab),
                      norm = bench.floats(m.dim), head_norm = bench.floats(m.heads.head_dim),
                      rope = bench.floats(size_t{kPositions} * m.heads.head_dim),
                      best = bench.bytes(nullptr, sizeof(gpu::Candidate));
  const auto row = static_cast<uint32_t>(kv_row_bytes(KvType::f16, m.heads.head_dim));
  const std::vector<uint8_t> zeros(size_t{2} * m.layers * m.heads.kv_heads * kPositions * row);
  const DevicePointer cache = bench.bytes(zeros.data(), zeros.size());
  const std::vector<int32_t> first(1);
  const DevicePointer ids = bench.bytes(first.data(), sizeof(first[0]));
  std::printf("%-5s %-5s", m.name, dtype_info(type).name);
  for (const uint32_t position : {100u, 1900u}) {
    const std::vector<gpu::BatchToken> token{{cache, kPositions, position}};
    gpu::DeviceBatch batch;
    batch.tokens = batch.single_tokens = 1;
    batch.max_positions = kPositions;
    batch.list = bench.bytes(token.data(), sizeof(token[0]));
    const double seconds = bench.seconds(kSteps, [&](uint32_t) {
      device.embed(w.output[0], ids, 1, residual);
      for (uint32_t i = 0; i < m.layers; ++i) {
        const gpu::CacheLayout layout{static_cast<uint32_t>(KvType::f16), row, i * m.heads.kv_heads,
                                      m.heads.kv_heads};
        device.matmul(w.qkv[i], residual, 1, norm, kEps, qkv, m.width(), gpu::Store::set);
        device.fresh_attention(qkv, m.heads, head_norm, head_norm, kEps, rope, kPositions, batch, layout,
                               attn);
        device.matmul(w.attn_out[i], attn, 1, 0, kEps, residual, m.dim, gpu::Store::add);
        device.gated_matmul(w.gate[i], w.up[i], residual, 1, norm, kEps, ffn);
        device.matmul(w.down[i], ffn, 1, 0, kEps, residual, m.dim, gpu::Store::add);
      }
      device.matmul(w.output[0], residual, 1, norm, kEps, logits, kVocab, gpu::Store::set);
      device.top_k(logits, kVocab, 1, 1, best);
      device.advance(best, 1, 1, ids, batch.list);
    });
    const double rate = weight_bytes(m, type) / seconds * 1e-9;
    std::printf("  at %u: %.1f (%.0f %.0f%%)", position, seconds * 1e6, rate, 100 * rate / limit);
  }
  std::printf("\n");
  bench.release_all();
}

}  // namespace

void bench_steps(Bench& bench, double limit) {
  std::printf("%-5s %-5s  %s\n", "step", "type",
              "us of a token (GB/s of weights, % of reading) at a position");
  for (const Model& model : kModels)
    for (const DType type : {DType::q8_0, DType::q4_0}) bench_model(bench, model, type, limit);
}

}  // namespace openelm::check
