// The layers of the forward pass: attention block and feed-forward block.

#include <algorithm>
#include <numeric>

#include "model/forward.h"

namespace openelm {
namespace {

/// A range of a matrix's rows as a matrix.
WeightMatrix some_rows(const WeightMatrix& w, size_t begin, size_t rows) {
  return {w.type, rows, w.cols, w.row(begin)};
}

}  // namespace

/// Rows of gate and up that a thread computes before it joins them, a multiple of what both kernels want.
size_t ForwardPass::gated_rows(const LayerWeights& w, const Cohort& cohort) const {
  const size_t multiple = std::lcm(choose(w.gate, cohort.kernel_tokens)->row_multiple,
                                   choose(w.up, cohort.kernel_tokens)->row_multiple);
  return std::max<size_t>(1, kGatedFloats / cohort.tokens / multiple) * multiple;
}

void ForwardPass::attention_block(Worker& worker, size_t layer) {
  project_heads(worker, layer, {0, config_.heads[layer] + 2 * config_.kv_heads[layer]});
  attend_and_project(worker, layer);
}

/// The attention block of the last layer, which leaves only the tokens whose logits are wanted in the batch.
/// False if there are none: the pass is done then.
bool ForwardPass::last_attention_block(Worker& worker) {
  const size_t layer = config_.layers() - 1;
  const size_t heads = config_.heads[layer], all = heads + 2 * config_.kv_heads[layer];
  if (logit_rows_.size() == tokens_.size()) {
    attention_block(worker, layer);
    return true;
  }
  project_heads(worker, layer, {heads, all});
  if (logit_rows_.empty()) return false;
  if (worker.index() == 0) keep_logit_rows();
  worker.barrier();
  project_heads(worker, layer, {0, heads});
  attend_and_project(worker, layer);
  return true;
}

/// Heads of qkv, normalized and rotated, and their keys and values in the cache.
void ForwardPass::project_heads(Worker& worker, size_t layer, Heads heads) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t head_dim = config_.head_dim;
  const Packed normed = pack(worker, residual_.as<float>(), config_.dim, cohorts_, w.qkv, w.attn_norm,
                             packed_, &PrivateBuffers::packed);
  // Chunks are whole heads: whoever computed a head also finishes it, with no barrier between. Where a kernel
  // wants ranges of more than a head, those at the ends may hold heads that were not asked for.
  const size_t whole_heads = std::lcm(head_dim, row_multiple(w.qkv, cohorts_));
  const size_t first = heads.begin * head_dim / whole_heads * whole_heads;
  const size_t rows =
      std::min((heads.end * head_dim + whole_heads - 1) / whole_heads * whole_heads, w.qkv.rows) - first;
  worker.for_chunks_ahead(rows, worker.smallest_chunk(rows, whole_heads), [&](Rows chunk, Rows next) {
    const Rows now{chunk.begin + first, chunk.end + first}, then{next.begin + first, next.end + first};
    run_rows(worker, w.qkv, normed, now, then, qkv_.as<float>(), w.qkv.rows, false);
    finish_heads(layer,
                 {std::max(now.begin / head_dim, heads.begin), std::min(now.end / head_dim, heads.end)});
  });
  worker.barrier();
}

void ForwardPass::attend_and_project(Worker& worker, size_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t attn_width = w.attn_out.cols;
  attend(worker, layer);
  worker.barrier();
  const Packed attended = pack(worker, attn_.as<float>(), attn_width, cohorts_, w.attn_out, nullptr, packed_,
                               &PrivateBuffers::packed);
  multiply(worker, w.attn_out, attended, residual_.as<float>(), config_.dim, true);
}

/// Norm and RoPE of query and key heads, and keys and values to the cache.
void ForwardPass::finish_heads(size_t layer, Heads range) {
  const LayerWeights& w = weights_.layers[layer];
  const size_t head_dim = config_.head_dim, heads = config_.heads[layer], kv_heads = config_.kv_heads[layer];
  for (size_t t = 0; t < tokens_.size(); ++t) {
    const Token& token = tokens_[t];
    float* row = qkv_.as<float>() + t * w.qkv.rows;
    for (size_t head = range.begin; head < range.end; ++head) {
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
  const auto arguments = [&](const Run& run) {
    AttentionArgs args{};
    args.q = qkv_.as<float>() + run.begin * w.qkv.rows;
    args.ldq = w.qkv.rows;
    args.kv = run.kv->layer(layer);
    args.first_pos = run.first_pos;
    args.heads = heads;
    args.kv_heads = kv_heads;
    args.head_dim = config_.head_dim;
    args.out = attn_.as<float>() + run.begin * w.attn_out.cols;
    args.ldo = w.attn_out.cols;
    args.scratch = own_[worker.index()].scratch.data();
    return args;
  };
  if (tokens_.size() == 1) {
    AttentionArgs args = arguments(runs_.front());
    const auto [begin, end] = worker.share(heads);
    args.head_begin = begin;
    args.head_end = end;
    args.token_end = 1;
    if (begin < end) kernels_.attention.run(args);
    return;
  }
  // Work items: a kv head's query heads × a tile of tokens of one run.
  worker.for_chunks(attention_tiles_.size() * kv_heads, 1, [&](size_t begin, size_t end) {
    for (size_t item = begin; item < end; ++item) {
      const AttentionTile& tile = attention_tiles_[item / kv_heads];
      AttentionArgs args = arguments(runs_[tile.run]);
      args.head_begin = item % kv_heads * group;
      args.head_end = args.head_begin + group;
      args.token_begin = tile.begin;
      args.token_end = tile.end;
      kernels_.attention.run(args);
    }
  });
}

/// Whether a cohort's kernel computes gate, up and swiglu in one and packs the result for `down`.
bool ForwardPass::gated(const LayerWeights& w, const Cohort& cohort) const {
  return w.gate.type == w.up.type && w.gate.rows % kGatedMultiple == 0 &&
         choose(w.gate, cohort.kernel_tokens)->run_gated &&
         choose(w.down, cohort.kernel_tokens)->form != PackedForm::own;
}

void ForwardPass::feed_forward(Worker& worker, size_t layer) {
  const LayerWeights& w = weights_.layers[layer];
  const Packed gate_in = pack(worker, residual_.as<float>(), config_.dim, cohorts_, w.gate, w.ffn_norm,
                              packed_, &PrivateBuffers::packed);
  const Packed up_in = w.gate.type == w.up.type
                           ? gate_in
                           : pack(worker, residual_.as<float>(), config_.dim, cohorts_, w.up, w.ffn_norm,
                                  packed_second_, &PrivateBuffers::packed_second);
  join(worker, w, gate_in, up_in);
  multiply(worker, w.down, pack_joined(worker, w), residual_.as<float>(), config_.dim, true);
}

/// swiglu(gate, up): in packed_second_ as `down` wants it where a cohort's kernels can, else in gate_.
void ForwardPass::join(Worker& worker, const LayerWeights& w, const Packed& gate_in, const Packed& up_in) {
  const size_t width = w.gate.rows;
  size_t multiple = std::lcm(row_multiple(w.gate, cohorts_), row_multiple(w.up, cohorts_));
  if (width % kGatedMultiple == 0) multiple = std::lcm(multiple, kGatedMultiple);
  void* scratch = own_[worker.index()].scratch.data();
  worker.for_chunks_ahead(width, worker.smallest_chunk(width, multiple), [&](Rows rows, Rows next) {
    const uint8_t *gate_x = gate_in.data, *up_x = up_in.data;
    uint8_t* out = packed_second_.data();
    for (const Cohort& cohort : cohorts_) {
      const MatmulImpl *gate = choose(w.gate, cohort.kernel_tokens), *up = choose(w.up, cohort.kernel_tokens),
                       *down = choose(w.down, cohort.kernel_tokens);
      if (gated(w, cohort))
        gate->run_gated(
            {&w.gate, &w.up, rows.begin, rows.end, gate_x, cohort.tokens, down->form, out, scratch});
      else
        join_rows(worker, w, cohort, gate_x, up_x, rows, next);
      gate_x += packed_bytes(*gate, cohort.tokens, w.gate.cols);
      up_x += packed_bytes(*up, cohort.tokens, w.up.cols);
      out += packed_bytes(*down, cohort.tokens, w.down.cols);
    }
  });
  worker.barrier();
}

/// swiglu(gate, up) of a cohort's tokens in gate_.
void ForwardPass::join_rows(Worker& worker, const LayerWeights& w, const Cohort& cohort,
                            const uint8_t* gate_x, const uint8_t* up_x, Rows range, Rows next) {
  const size_t n = cohort.tokens, width = w.gate.rows, block = gated_rows(w, cohort);
  PrivateBuffers& mine = own_[worker.index()];
  void* scratch = mine.scratch.data();
  float *gate = mine.gate.as<float>(), *up = mine.up.as<float>();
  for (size_t begin = range.begin; begin < range.end; begin += block) {
    const size_t rows = std::min(block, range.end - begin);
    const size_t end = begin + rows;
    const Rows after = end < range.end ? Rows{end, range.end} : next;
    const NextRows next_gate{&w.gate, after.begin, std::min(after.begin + block, after.end)};
    const WeightMatrix gate_w = some_rows(w.gate, begin, rows), up_w = some_rows(w.up, begin, rows);
    choose(w.gate, cohort.kernel_tokens)
        ->run({&gate_w, 0, rows, gate_x, n, gate, rows, false, scratch, {&up_w, 0, rows}});
    choose(w.up, cohort.kernel_tokens)->run({&up_w, 0, rows, up_x, n, up, rows, false, scratch, next_gate});
    for (size_t t = 0; t < n; ++t)
      kernels_.swiglu(gate + t * rows, up + t * rows, rows,
                      gate_.as<float>() + (cohort.begin + t) * width + begin);
  }
}

/// Inputs of `down`: what join has not packed yet is.
ForwardPass::Packed ForwardPass::pack_joined(Worker& worker, const LayerWeights& w) {
  const bool any =
      std::any_of(cohorts_.begin(), cohorts_.end(), [&](const Cohort& cohort) { return gated(w, cohort); });
  const float* joined = gate_.as<float>();
  const size_t width = w.gate.rows;
  if (!any) return pack(worker, joined, width, cohorts_, w.down, nullptr, packed_, &PrivateBuffers::packed);
  uint8_t* packed = packed_second_.data();
  bool wait = false;
  for (const Cohort& cohort : cohorts_) {
    const MatmulImpl* impl = choose(w.down, cohort.kernel_tokens);
    if (!gated(w, cohort)) {
      pack_cohort(worker, *impl, joined, width, cohort, width, nullptr, packed);
      wait = true;
    }
    packed += packed_bytes(*impl, cohort.tokens, width);
  }
  if (wait) worker.barrier();
  return {packed_second_.data(), cohorts_};
}

}  // namespace openelm
