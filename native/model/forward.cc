#include "model/forward.h"

#include <algorithm>
#include <initializer_list>

#include "quant/dequantize.h"

namespace openelm {

ForwardPass::ForwardPass(const ModelConfig& config, const Weights& weights, const KernelTable& kernels,
                         ThreadPool& pool, size_t layers)
    : config_(config),
      weights_(weights),
      kernels_(kernels),
      pool_(pool),
      layers_(layers),
      own_(pool.size()) {}

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
  runs_.clear();
  cohorts_.clear();
  logit_cohorts_.clear();
  for (const Segment& segment : segments_) {
    const size_t begin = tokens_.size(), n = segment.tokens.size();
    if (n > 0) runs_.push_back({segment.kv, segment.first_pos, begin, n});
    for (size_t i = 0; i < n; ++i) tokens_.push_back({segment.kv, segment.first_pos + i, segment.tokens[i]});
    for (size_t i = n - segment.logits; i < n; ++i) logit_rows_.push_back(begin + i);
    if (segment.kernel_tokens == 0) continue;
    join_cohort(cohorts_, begin, n, segment.kernel_tokens);
    for (size_t i = logit_rows_.size() - segment.logits; i < logit_rows_.size(); ++i)
      join_cohort(logit_cohorts_, i, 1, 1);
  }
  plan_attention();
  if (!cohorts_.empty()) return;
  cohorts_.push_back({0, tokens_.size(), tokens_.size()});
  if (!logit_rows_.empty()) logit_cohorts_.push_back({0, logit_rows_.size(), logit_rows_.size()});
}

bool ForwardPass::any_matrix(const std::function<bool(const WeightMatrix&)>& is) const {
  return is(weights_.output) ||
         std::any_of(weights_.layers.begin(), weights_.layers.end(), [&](const LayerWeights& layer) {
           return is(layer.qkv) || is(layer.attn_out) || is(layer.gate) || is(layer.up) || is(layer.down);
         });
}

bool ForwardPass::same_kernels(size_t a, size_t b) const {
  return !any_matrix([&](const WeightMatrix& w) { return choose(w, a) != choose(w, b); });
}

bool ForwardPass::carries(Activations kind, size_t tokens) const {
  return any_matrix([&](const WeightMatrix& w) { return choose(w, tokens)->activations == kind; });
}

/// Adds tokens to the last cohort where its kernels are theirs too and take so many, else to a new one.
void ForwardPass::join_cohort(Cohorts& cohorts, size_t begin, size_t tokens, size_t kernel_tokens) const {
  if (!cohorts.empty()) {
    Cohort& last = cohorts.back();
    if (same_kernels(last.kernel_tokens, kernel_tokens) &&
        same_kernels(last.kernel_tokens, last.tokens + tokens)) {
      last.tokens += tokens;
      return;
    }
  }
  cohorts.push_back({begin, tokens, kernel_tokens});
}

void ForwardPass::plan_attention() {
  attention_tiles_.clear();
  const size_t tile = kernels_.attention.token_tile;
  for (size_t r = 0; r < runs_.size(); ++r) {
    // The last tokens attend to the most positions: longest work first evens the threads out.
    const size_t n = runs_[r].count;
    for (size_t tiles = (n + tile - 1) / tile; tiles-- > 0;)
      attention_tiles_.push_back({r, tiles * tile, std::min((tiles + 1) * tile, n)});
  }
}

/// Shrinks the batch to the tokens whose logits are wanted, the last ones of each run.
void ForwardPass::keep_logit_rows() {
  float* residual = residual_.as<float>();
  std::vector<Run> kept;
  for (size_t i = 0; i < logit_rows_.size(); ++i) {
    const size_t from = logit_rows_[i];
    std::copy_n(residual + from * config_.dim, config_.dim, residual + i * config_.dim);
    tokens_[i] = tokens_[from];
    const Token& token = tokens_[i];
    if (!kept.empty() && kept.back().kv == token.kv)
      ++kept.back().count;
    else
      kept.push_back({token.kv, token.position, i, 1});
  }
  tokens_.resize(logit_rows_.size());
  runs_ = std::move(kept);
  cohorts_ = logit_cohorts_;
  plan_attention();
}

Status ForwardPass::prepare_buffers() {
  const size_t n = tokens_.size();
  const size_t qkv_width = config_.max_heads() * config_.head_dim;
  const auto floats = [](size_t count) { return count * sizeof(float); };
  size_t gated = kGatedFloats;

  // Every matrix of the model asks its implementations what they need for this batch.
  size_t packed = 0, scratch = 0, normed = 1;
  const auto ask = [&](const WeightMatrix& w, const Cohorts& cohorts) {
    size_t bytes = 0;
    for (const Cohort& cohort : cohorts) {
      const MatmulImpl* impl = choose(w, cohort.kernel_tokens);
      bytes += packed_bytes(*impl, cohort.tokens, w.cols);
      scratch = std::max(scratch, impl->scratch_bytes(cohort.tokens, w.cols));
      normed = std::max(normed, impl->token_multiple);
    }
    packed = std::max(packed, bytes);
  };
  for (const LayerWeights& layer : weights_.layers) {
    for (const WeightMatrix* w : {&layer.qkv, &layer.attn_out, &layer.gate, &layer.up, &layer.down})
      ask(*w, cohorts_);
    for (const Cohort& cohort : cohorts_) gated = std::max(gated, cohort.tokens * gated_rows(layer, cohort));
  }
  const size_t wanted = logit_rows_.size();
  const LayerWeights& last = weights_.layers.back();
  for (const WeightMatrix* w :
       {&last.qkv, &last.attn_out, &last.gate, &last.up, &last.down, &weights_.output})
    ask(*w, logit_cohorts_);
  size_t positions = 0;
  for (const Segment& s : segments_) positions = std::max(positions, s.first_pos + s.tokens.size());
  scratch = std::max(scratch,
                     kernels_.attention.scratch_bytes(positions, std::min(n, kernels_.attention.token_tile),
                                                      config_.max_heads(), config_.head_dim));

  const std::pair<Buffer*, size_t> shared[] = {
      {&residual_, floats(n * config_.dim)},
      {&qkv_, floats(n * qkv_width)},
      {&attn_, floats(n * qkv_width)},
      {&gate_, floats(n * config_.max_ffn())},
      {&packed_, packed},
      {&packed_second_, packed},
  };
  for (const auto& [buffer, bytes] : shared)
    if (Status status = buffer->reserve(bytes); !status.ok()) return status;
  for (PrivateBuffers& own : own_) {
    for (const auto& [buffer, bytes] : std::initializer_list<std::pair<Buffer*, size_t>>{
             {&own.norm, floats(normed * config_.dim)},
             {&own.packed, n == 1 || wanted == 1 ? packed : 0},
             {&own.packed_second, n == 1 || wanted == 1 ? packed : 0},
             {&own.gate, floats(gated)},
             {&own.up, floats(gated)},
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
  const size_t layers = config_.layers();
  for (size_t layer = 0; layer < layers_; ++layer) {
    if (stopped(worker)) return;
    if (layer + 1 < layers)
      attention_block(worker, layer);
    else if (!last_attention_block(worker))
      return;
    feed_forward(worker, layer);
  }
  if (layers_ == layers) project_logits(worker, logits);
}

void ForwardPass::embed(Worker& worker) {
  const auto [begin, end] = worker.share(tokens_.size());
  for (size_t t = begin; t < end; ++t) {
    const WeightMatrix& table = weights_.embedding;
    dequantize_row(table.type, table.row(static_cast<size_t>(tokens_[t].id)),
                   residual_.as<float>() + t * config_.dim, config_.dim);
  }
}

/// Of the tokens that are left in the batch: those whose logits are wanted.
void ForwardPass::project_logits(Worker& worker, float* logits) {
  const Packed x = pack(worker, residual_.as<float>(), config_.dim, logit_cohorts_, weights_.output,
                        weights_.output_norm, packed_, &PrivateBuffers::packed);
  multiply(worker, weights_.output, x, logits, config_.vocab_size, false);
}

}  // namespace openelm
