#include "model/forward.h"

#include <algorithm>
#include <initializer_list>
#include <numeric>

#include "quant/dequantize.h"

namespace openelm {

ForwardPass::ForwardPass(const ModelConfig& config, const Weights& weights, const KernelTable& kernels,
                         ThreadPool& pool)
    : config_(config), weights_(weights), kernels_(kernels), pool_(pool), own_(pool.size()) {}

void ForwardPass::reserve_positions(size_t n_ctx) {
  if (!rope_ || rope_->positions() < n_ctx)
    rope_ = std::make_unique<RopeTable>(config_.rope_base, config_.head_dim, n_ctx);
}

Status ForwardPass::run(std::span<const Segment> segments, float* logits, const std::atomic<bool>& stop) {
  segments_ = segments;
  plan_batch();
  if (tokens_.empty()) return {};
  if (Status status = prepare_buffers(); !status.ok()) return status;
  stop_ = &stop;
  stop_seen_ = false;
  pool_.run([this, logits](Worker& worker) { evaluate(worker, logits); });
  return stop_seen_ ? Status(Code::aborted, "The evaluation was stopped") : Status();
}

void ForwardPass::plan_batch() {
  tokens_.clear();
  logit_rows_.clear();
  segment_begin_.clear();
  attention_tiles_.clear();
  const size_t tile = kernels_.attention.token_tile;
  for (size_t s = 0; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const size_t begin = tokens_.size(), n = segment.tokens.size();
    segment_begin_.push_back(begin);
    for (size_t i = 0; i < n; ++i) tokens_.push_back({segment.kv, segment.first_pos + i, segment.tokens[i]});
    for (size_t i = n - segment.logits; i < n; ++i) logit_rows_.push_back(begin + i);
    // The last tokens attend to the most positions: longest work first evens the threads out.
    for (size_t tiles = (n + tile - 1) / tile; tiles-- > 0;)
      attention_tiles_.push_back({s, tiles * tile, std::min((tiles + 1) * tile, n)});
  }
}

Status ForwardPass::prepare_buffers() {
  const size_t n = tokens_.size();
  const size_t qkv_width = config_.max_heads() * config_.head_dim;
  const size_t widest = std::max({config_.dim, config_.max_ffn(), qkv_width});
  const auto floats = [](size_t count) { return count * sizeof(float); };

  // Every matrix of the model asks its implementation what it needs for this batch.
  size_t packed = 0, scratch = 0;
  const auto ask = [&](const WeightMatrix& w, size_t tokens) {
    const MatmulImpl* impl = choose(w, tokens);
    packed = std::max(packed, impl->packed_bytes(tokens, w.cols));
    scratch = std::max(scratch, impl->scratch_bytes(tokens, w.cols));
  };
  for (const LayerWeights& layer : weights_.layers) {
    for (const WeightMatrix* w : {&layer.qkv, &layer.attn_out, &layer.gate, &layer.up, &layer.down})
      ask(*w, n);
  }
  if (!logit_rows_.empty()) ask(weights_.output, logit_rows_.size());
  size_t positions = 0;
  for (const Segment& s : segments_) positions = std::max(positions, s.first_pos + s.tokens.size());
  scratch = std::max(scratch,
                     kernels_.attention.scratch_bytes(positions, std::min(n, kernels_.attention.token_tile),
                                                      config_.max_heads(), config_.head_dim));

  const std::pair<Buffer*, size_t> shared[] = {
      {&residual_, floats(n * config_.dim)},
      {&norm_, floats(n * widest)},
      {&qkv_, floats(n * qkv_width)},
      {&attn_, floats(n * qkv_width)},
      {&gate_, floats(n * config_.max_ffn())},
      {&up_, floats(n * config_.max_ffn())},
      {&packed_, packed},
      {&packed_second_, packed},
  };
  for (const auto& [buffer, bytes] : shared)
    if (Status status = buffer->reserve(bytes); !status.ok()) return status;
  for (PrivateBuffers& own : own_) {
    for (const auto& [buffer, bytes] : std::initializer_list<std::pair<Buffer*, size_t>>{
             {&own.norm, floats(widest)},
             {&own.packed, n == 1 || logit_rows_.size() == 1 ? packed : 0},
             {&own.packed_second, n == 1 ? packed : 0},
             {&own.scratch, scratch}})
      if (Status status = buffer->reserve(bytes); !status.ok()) return status;
  }
  return {};
}

/// Whether the pass should end. All workers must come to the same answer, so one reads the flag for all.
bool ForwardPass::stopped(Worker& worker) {
  if (worker.index() == 0 && stop_->load(std::memory_order_relaxed)) stop_seen_ = true;
  worker.barrier();
  return stop_seen_;
}

void ForwardPass::evaluate(Worker& worker, float* logits) {
  embed(worker);
  for (size_t layer = 0; layer < config_.layers(); ++layer) {
    if (stopped(worker)) return;
    attention_block(worker, layer);
    feed_forward(worker, layer);
  }
  if (!logit_rows_.empty()) project_logits(worker, logits);
}

void ForwardPass::embed(Worker& worker) {
  const auto [begin, end] = worker.share(tokens_.size());
  for (size_t t = begin; t < end; ++t) {
    const WeightMatrix& table = weights_.embedding;
    dequantize_row(table.type, table.row(static_cast<size_t>(tokens_[t].id)),
                   residual_.as<float>() + t * config_.dim, config_.dim);
  }
}

ForwardPass::Packed ForwardPass::pack(Worker& worker, const float* x, size_t ldx, size_t tokens, size_t cols,
                                      const float* norm, const MatmulImpl* impl, Buffer& shared,
                                      Buffer PrivateBuffers::*own) {
  if (tokens == 1) {
    PrivateBuffers& mine = own_[worker.index()];
    if (norm) {
      kernels_.rms_norm(x, norm, config_.rms_eps, cols, mine.norm.as<float>());
      x = mine.norm.as<float>();
    }
    impl->pack(x, cols, 1, cols, 0, 1, (mine.*own).data());
    return {(mine.*own).data(), impl};
  }
  const auto [begin, end] = worker.share(tokens, impl->token_multiple);
  if (norm) {
    for (size_t t = begin; t < end; ++t)
      kernels_.rms_norm(x + t * ldx, norm, config_.rms_eps, cols, norm_.as<float>() + t * cols);
    x = norm_.as<float>();
    ldx = cols;
  }
  if (begin < end) impl->pack(x, ldx, tokens, cols, begin, end, shared.data());
  worker.barrier();
  return {shared.data(), impl};
}

size_t ForwardPass::chunk_rows(const Worker& worker, size_t rows, size_t multiple) const {
  constexpr size_t kChunksPerThread = 4;  // enough to even out a core that is slow or interrupted
  const size_t target = rows / (worker.count() * kChunksPerThread);
  return std::max<size_t>(1, (target + multiple - 1) / multiple) * multiple;
}

void ForwardPass::run_rows(Worker& worker, const WeightMatrix& w, const Packed& x, size_t tokens,
                           size_t row_begin, size_t row_end, float* y, size_t ldy, bool accumulate) {
  x.impl->run(
      {&w, row_begin, row_end, x.data, tokens, y, ldy, accumulate, own_[worker.index()].scratch.data()});
}

void ForwardPass::multiply(Worker& worker, const WeightMatrix& w, const Packed& x, size_t tokens, float* y,
                           size_t ldy, bool accumulate) {
  worker.for_chunks(w.rows, chunk_rows(worker, w.rows, x.impl->row_multiple), [&](size_t begin, size_t end) {
    run_rows(worker, w, x, tokens, begin, end, y, ldy, accumulate);
  });
  worker.barrier();
}

void ForwardPass::attention_block(Worker& worker, size_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t n = tokens_.size();
  const size_t qkv_width = w.qkv.rows, attn_width = w.attn_out.cols;

  const Packed normed = pack(worker, residual_.as<float>(), config_.dim, n, config_.dim, w.attn_norm,
                             choose(w.qkv, n), packed_, &PrivateBuffers::packed);
  // Chunks are whole heads: whoever computed a head also normalizes, rotates and stores it, with no barrier
  // between.
  const size_t whole_heads = std::lcm(config_.head_dim, normed.impl->row_multiple);
  worker.for_chunks(qkv_width, chunk_rows(worker, qkv_width, whole_heads), [&](size_t begin, size_t end) {
    run_rows(worker, w.qkv, normed, n, begin, end, qkv_.as<float>(), qkv_width, false);
    finish_heads(layer, begin, end);
  });
  worker.barrier();

  attend(worker, layer);
  worker.barrier();

  const Packed attended = pack(worker, attn_.as<float>(), attn_width, n, attn_width, nullptr,
                               choose(w.attn_out, n), packed_, &PrivateBuffers::packed);
  multiply(worker, w.attn_out, attended, n, residual_.as<float>(), config_.dim, true);
}

/// Norm and RoPE of the query and key heads in rows [row_begin, row_end) of qkv, and their keys and values to
/// the cache.
void ForwardPass::finish_heads(size_t layer, size_t row_begin, size_t row_end) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t head_dim = config_.head_dim, heads = config_.heads[layer], kv_heads = config_.kv_heads[layer];
  for (size_t t = 0; t < tokens_.size(); ++t) {
    const Token& token = tokens_[t];
    float* row = qkv_.as<float>() + t * w.qkv.rows;
    for (size_t head = row_begin / head_dim; head < row_end / head_dim; ++head) {
      float* x = row + head * head_dim;
      if (head >= heads + kv_heads) {
        kernels_.kv_store(x, head_dim, token.kv->type(),
                          token.kv->value(layer, head - heads - kv_heads, token.position));
        continue;
      }
      kernels_.rms_norm(x, head < heads ? w.q_norm : w.k_norm, config_.rms_eps, head_dim, x);
      kernels_.rope(x, rope_->cos(token.position), rope_->sin(token.position), 1, head_dim);
      if (head >= heads)
        kernels_.kv_store(x, head_dim, token.kv->type(), token.kv->key(layer, head - heads, token.position));
    }
  }
}

void ForwardPass::attend(Worker& worker, size_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t heads = config_.heads[layer], kv_heads = config_.kv_heads[layer], group = heads / kv_heads;
  const auto arguments = [&](size_t segment) {
    const size_t first = segment_begin_[segment];
    AttentionArgs args{};
    args.q = qkv_.as<float>() + first * w.qkv.rows;
    args.ldq = w.qkv.rows;
    args.kv = segments_[segment].kv->layer(layer);
    args.first_pos = segments_[segment].first_pos;
    args.heads = heads;
    args.kv_heads = kv_heads;
    args.head_dim = config_.head_dim;
    args.out = attn_.as<float>() + first * w.attn_out.cols;
    args.ldo = w.attn_out.cols;
    args.scratch = own_[worker.index()].scratch.data();
    return args;
  };
  if (tokens_.size() == 1) {
    AttentionArgs args = arguments(0);
    const auto [begin, end] = worker.share(heads);
    args.head_begin = begin;
    args.head_end = end;
    args.token_end = 1;
    if (begin < end) kernels_.attention.run(args);
    return;
  }
  // Work items: a kv head's query heads × a tile of tokens of one segment.
  worker.for_chunks(attention_tiles_.size() * kv_heads, 1, [&](size_t begin, size_t end) {
    for (size_t item = begin; item < end; ++item) {
      const AttentionTile& tile = attention_tiles_[item / kv_heads];
      AttentionArgs args = arguments(tile.segment);
      args.head_begin = item % kv_heads * group;
      args.head_end = args.head_begin + group;
      args.token_begin = tile.begin;
      args.token_end = tile.end;
      kernels_.attention.run(args);
    }
  });
}

void ForwardPass::feed_forward(Worker& worker, size_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t n = tokens_.size(), width = w.gate.rows;
  const MatmulImpl* gate_impl = choose(w.gate, n);
  const MatmulImpl* up_impl = choose(w.up, n);
  const Packed gate_in = pack(worker, residual_.as<float>(), config_.dim, n, config_.dim, w.ffn_norm,
                              gate_impl, packed_, &PrivateBuffers::packed);
  const Packed up_in = gate_impl == up_impl
                           ? gate_in
                           : pack(worker, residual_.as<float>(), config_.dim, n, config_.dim, w.ffn_norm,
                                  up_impl, packed_second_, &PrivateBuffers::packed_second);
  float* gate = gate_.as<float>();
  float* up = up_.as<float>();
  const size_t multiple = std::lcm(gate_impl->row_multiple, up_impl->row_multiple);
  worker.for_chunks(width, chunk_rows(worker, width, multiple), [&](size_t begin, size_t end) {
    run_rows(worker, w.gate, gate_in, n, begin, end, gate, width, false);
    run_rows(worker, w.up, up_in, n, begin, end, up, width, false);
    for (size_t t = 0; t < n; ++t) {
      float* g = gate + t * width + begin;
      kernels_.swiglu(g, up + t * width + begin, end - begin, g);
    }
  });
  worker.barrier();

  const Packed hidden =
      pack(worker, gate, width, n, width, nullptr, choose(w.down, n), packed_, &PrivateBuffers::packed);
  multiply(worker, w.down, hidden, n, residual_.as<float>(), config_.dim, true);
}

void ForwardPass::project_logits(Worker& worker, float* logits) {
  // The rows asked for are gathered, so that the matmul sees a dense batch of them.
  const size_t n = logit_rows_.size(), dim = config_.dim;
  const auto [begin, end] = worker.share(n);
  for (size_t i = begin; i < end; ++i) {
    const float* x = residual_.as<float>() + logit_rows_[i] * dim;
    kernels_.rms_norm(x, weights_.output_norm, config_.rms_eps, dim, norm_.as<float>() + i * dim);
  }
  worker.barrier();
  const Packed x = pack(worker, norm_.as<float>(), dim, n, dim, nullptr, choose(weights_.output, n), packed_,
                        &PrivateBuffers::packed);
  multiply(worker, weights_.output, x, n, logits, config_.vocab_size, false);
}

}  // namespace openelm
