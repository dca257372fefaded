#pragma once

// The forward pass: a batch of tokens of one or more sequences through all layers (OpenELM, arXiv 2404.14619,
// 2).
//
// Every thread runs the whole pass and takes its part of each op; the barriers between ops are the only
// meetings. Where one token is decoded, small ops (norms, packing) are done by every thread for itself:
// repeating a microsecond of work costs less than a barrier.
//
// Of the last layer only keys and values are needed for every token: the batch shrinks to the tokens whose
// logits are wanted before the rest of that layer. Layer-wise scaling makes the last layers the largest, so
// this saves a tenth of the prefill of the 270M model.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "model/config.h"
#include "model/kv_cache.h"
#include "model/rope_table.h"
#include "model/weights.h"
#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace openelm {

/// Consecutive tokens of one sequence, at positions first_pos onwards.
struct Segment {
  KvCache* kv;
  size_t first_pos;
  std::span<const int32_t> tokens;  // each in [0, vocab_size)
  size_t logits;                    // logits are wanted for this many of the last tokens
  /// Kernels are those for so many tokens, whatever else is in the batch, so that the results of a sequence
  /// do not depend on its company; tokens whose logits are wanted then use those for one token from where the
  /// batch shrinks to them. 0, for all segments of a batch: those for as many tokens as the batch has. Not
  /// less than the tokens here.
  size_t kernel_tokens = 0;
};

class ForwardPass {
 public:
  /// Of layers [0, layers): all, or the first ones where others are computed elsewhere.
  ForwardPass(const ModelConfig& config, const Weights& weights, const KernelTable& kernels, ThreadPool& pool,
              size_t layers);

  /// Evaluates the segments in one batch: stores their keys and values and writes the logits asked for,
  /// segment after segment, as rows [vocab_size] to `logits` (with all layers; otherwise hidden() is what the
  /// next one wants). Fails with `aborted` soon after `stop` becomes
  /// true (cache positions of the batch are then undefined) and with `memory` if the working buffers cannot
  /// grow. Not reentrant.
  Status run(std::span<const Segment> segments, float* logits, const std::atomic<bool>& stop);

  /// The residual of all tokens of the batch after the last layer here, [tokens][dim].
  const float* hidden() noexcept { return residual_.as<float>(); }

  /// Whether every matrix of the model uses the same kernels for a and for b tokens.
  bool same_kernels(size_t a, size_t b) const;

  /// Whether a matrix's kernels for so many tokens carry activations in this way.
  bool carries(Activations kind, size_t tokens) const;

  /// RoPE's angles of all positions to come; kept by the caller.
  void use_angles(const RopeTable& rope) noexcept { rope_ = &rope; }

 private:
  /// Results of gate, and of up, that wait to be joined in a core's second-level cache. Written out, the two
  /// would be the largest activations of a pass.
  static constexpr size_t kGatedFloats = (256 << 10) / sizeof(float);

  struct Token {
    KvCache* kv;
    size_t position;
    int32_t id;
  };
  struct PrivateBuffers {
    Buffer norm, packed, packed_second, gate, up, scratch;
  };
  /// Neighbours in the batch that share the kernels for kernel_tokens tokens.
  struct Cohort {
    size_t begin, tokens, kernel_tokens;
  };
  using Cohorts = std::vector<Cohort>;
  /// Activations of all cohorts, one after another, in the layouts their implementations want.
  struct Packed {
    const uint8_t* data;
    const Cohorts& cohorts;
  };

  /// Consecutive tokens of one sequence in the batch.
  struct Run {
    KvCache* kv;
    size_t first_pos;
    size_t begin, count;  // in tokens_
  };
  /// Tokens of a run that one call of the attention kernel computes.
  struct AttentionTile {
    size_t run, begin, end;
  };
  /// Rows of a matrix.
  using Rows = Worker::Range;
  /// Query heads, or key and value heads, or all of them.
  struct Heads {
    size_t begin, end;
  };

  void plan_batch();
  void join_cohort(Cohorts& cohorts, size_t begin, size_t tokens, size_t kernel_tokens) const;
  void plan_attention();
  void keep_logit_rows();
  Status prepare_buffers();
  void evaluate(Worker& worker, float* logits);
  void embed(Worker& worker);
  void attention_block(Worker& worker, size_t layer);
  bool last_attention_block(Worker& worker);
  void project_heads(Worker& worker, size_t layer, Heads heads);
  void attend_and_project(Worker& worker, size_t layer);
  void attend(Worker& worker, size_t layer);
  size_t gated_rows(const LayerWeights& w, const Cohort& cohort) const;
  bool gated(const LayerWeights& w, const Cohort& cohort) const;
  void feed_forward(Worker& worker, size_t layer);
  void join(Worker& worker, const LayerWeights& w, const Packed& gate_in, const Packed& up_in);
  void join_rows(Worker& worker, const LayerWeights& w, const Cohort& cohort, const uint8_t* gate_x,
                 const uint8_t* up_x, Rows range, Rows next);
  Packed pack_joined(Worker& worker, const LayerWeights& w);
  void project_logits(Worker& worker, float* logits);

  bool any_matrix(const std::function<bool(const WeightMatrix&)>& is) const;
  const MatmulImpl* choose(const WeightMatrix& w, size_t tokens) const {
    return kernels_.matmul(w.type, tokens);
  }
  /// Bytes of a cohort's packed activations, so that the next cohort's are aligned.
  static size_t packed_bytes(const MatmulImpl& impl, size_t tokens, size_t cols) {
    return (impl.packed_bytes(tokens, cols) + 63) / 64 * 64;
  }
  size_t row_multiple(const WeightMatrix& w, const Cohorts& cohorts) const;
  void pack_cohort(Worker& worker, const MatmulImpl& impl, const float* x, size_t ldx, const Cohort& cohort,
                   size_t cols, const float* norm, uint8_t* packed);
  Packed pack(Worker& worker, const float* x, size_t ldx, const Cohorts& cohorts, const WeightMatrix& w,
              const float* norm, Buffer& shared, Buffer PrivateBuffers::*own);
  void multiply(Worker& worker, const WeightMatrix& w, const Packed& x, float* y, size_t ldy,
                bool accumulate);
  void run_rows(Worker& worker, const WeightMatrix& w, const Packed& x, Rows rows, Rows next, float* y,
                size_t ldy, bool accumulate);
  void finish_heads(size_t layer, Heads heads);
  bool stopped(Worker& worker);

  const ModelConfig& config_;
  const Weights& weights_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  const size_t layers_;
  const RopeTable* rope_ = nullptr;

  // The batch.
  std::span<const Segment> segments_;
  std::vector<Token> tokens_;
  std::vector<size_t> logit_rows_;   // indices into tokens_, before the batch shrinks
  Cohorts cohorts_, logit_cohorts_;  // of tokens_ and of logit_rows_
  std::vector<Run> runs_;
  std::vector<AttentionTile> attention_tiles_;
  const std::atomic<bool>* stop_ = nullptr;
  bool stop_seen_ = false;

  // Shared activations, [tokens][width].
  Buffer residual_, qkv_, attn_, gate_, packed_, packed_second_;
  std::vector<PrivateBuffers> own_;
};

}  // namespace openelm
