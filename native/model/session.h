#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/decoder.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "model/prompt_parts.h"

namespace openelm {

enum class LogitsMode { none, last, all };

/// One sequence on a model: its kv cache and the tokens in it. Used by one thread at a time, except abort().
class Session {
 public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<Model> model, size_t n_ctx, KvType kv_type,
                                                 size_t n_batch);

  /// Appends ids, n_batch at a time, and writes logits rows [vocab_size] of none, the last or all of them.
  /// Fails with context_full, before doing anything, when they do not fit; with aborted after abort(): what
  /// whole batches had stored stays.
  Status evaluate(std::span<const int32_t> ids, LogitsMode mode, float* logits);

  /// Appends ids (at least one), n_batch at a time, and leaves the `count` best logits after them in best(),
  /// largest first; 0 < count <= Model::max_best(). Fails as evaluate(). `ahead`: the best token is likely to
  /// be appended next; a GPU that has all layers begins with it at once.
  Status evaluate_best(std::span<const int32_t> ids, size_t count, bool ahead);
  std::span<const gpu::Candidate> best() const noexcept { return best_; }

  /// Drops the tokens from position n on.
  void truncate(size_t n);

  /// How many of the `common` first tokens of a prompt of `before` tokens one of `now` may take over as they
  /// are.
  size_t reusable(size_t common, size_t before, size_t now) const {
    return reusable_tokens(*model_, n_batch_, common, before, now);
  }
  /// Says that the cache holds these tokens, at most n_ctx: the beginning of a prompt, whose rest evaluate()
  /// gets next and cuts into parts as if it had all of it.
  void adopt(std::vector<int32_t> tokens) {
    tokens_ = std::move(tokens);
    ahead_.reset();
    adopted_ = true;
  }
  KvCache& kv() noexcept { return *kv_; }

  /// Ends the evaluation in progress, and every later one until resume().
  void abort() noexcept { stop_.store(true, std::memory_order_relaxed); }
  void resume() noexcept { stop_.store(false, std::memory_order_relaxed); }
  bool aborted() const noexcept { return stop_.load(std::memory_order_relaxed); }

  const std::vector<int32_t>& tokens() const noexcept { return tokens_; }
  size_t n_past() const noexcept { return tokens_.size(); }
  size_t n_ctx() const noexcept { return kv_->n_ctx(); }
  size_t kv_bytes() const noexcept { return kv_->bytes(); }
  const Model& model() const noexcept { return *model_; }

 private:
  Session(std::shared_ptr<Model> model, std::unique_ptr<KvCache> kv, size_t n_batch);
  Status append(std::span<const int32_t> ids, LogitsMode mode, gpu::Output output);
  bool is_ahead(std::span<const int32_t> ids) const noexcept;
  Status go_on(bool ahead);
  Status look_ahead();

  const std::shared_ptr<Model> model_;
  const std::unique_ptr<KvCache> kv_;
  const size_t n_batch_;
  std::vector<int32_t> tokens_;
  std::vector<gpu::Candidate> best_;
  std::unique_ptr<gpu::Decoder> decoder_;
  std::optional<int32_t> ahead_;  // what the decoder evaluates behind the tokens here
  bool adopted_ = false;          // and not yet gone on from
  std::atomic<bool> stop_{false};
};

}  // namespace openelm
