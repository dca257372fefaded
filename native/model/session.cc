#include "model/session.h"

#include <algorithm>
#include <string>
#include <utility>

namespace openelm {

Session::Session(std::shared_ptr<Model> model, std::unique_ptr<KvCache> kv, size_t n_batch)
    : model_(std::move(model)), kv_(std::move(kv)), n_batch_(n_batch) {}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Model> model, size_t n_ctx, KvType kv_type,
                                                 size_t n_batch) {
  n_batch = std::max<size_t>(1, n_batch);
  if (Status status = model->reserve(kv_type, n_ctx, std::min(n_batch, n_ctx), 1); !status.ok())
    return status;
  Result<std::unique_ptr<KvCache>> kv = model->create_cache(kv_type, n_ctx);
  if (!kv.ok()) return kv.status;
  return std::unique_ptr<Session>(new Session(std::move(model), std::move(kv.value), n_batch));
}

Status Session::evaluate(std::span<const int32_t> ids, LogitsMode mode, float* logits) {
  return append(ids, mode, {.logits = logits});
}

Status Session::evaluate_best(std::span<const int32_t> ids, size_t count, bool ahead) {
  best_.resize(count);
  if (is_ahead(ids)) return go_on(ahead);
  const gpu::Output output{.best = best_.data(), .best_count = static_cast<uint32_t>(count)};
  if (Status status = append(ids, LogitsMode::last, output); !status.ok()) return status;
  return ahead && count == 1 ? look_ahead() : Status();
}

Status Session::append(std::span<const int32_t> ids, LogitsMode mode, gpu::Output output) {
  const size_t vocab = model_->config().vocab_size;
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= vocab)
      return Status(Code::invalid, "Token id " + std::to_string(id) + " is not in the vocabulary");
  }
  if (ids.size() > n_ctx() - n_past()) {
    return Status(Code::context_full, std::to_string(ids.size()) +
                                          " tokens do not fit: " + std::to_string(n_past()) + " of " +
                                          std::to_string(n_ctx()) + " positions are used");
  }
  if (!ids.empty()) ahead_.reset();
  const size_t prompt = n_past() + ids.size();
  const bool rest = std::exchange(adopted_, false);
  while (!ids.empty()) {
    const size_t part = rest ? part_tokens(n_batch_, prompt, n_past()) : 0;
    const size_t room = rest ? part - n_past() % n_batch_ : n_batch_;
    const std::span<const int32_t> batch = ids.first(std::min(room, ids.size()));
    const bool last = batch.size() == ids.size();
    size_t rows = 0;
    if (mode == LogitsMode::all) rows = batch.size();
    if (mode == LogitsMode::last && last) rows = 1;
    const Segment segment{kv_.get(), n_past(), batch, rows, part};
    if (Status status = model_->forward({&segment, 1}, output, stop_); !status.ok()) return status;
    tokens_.insert(tokens_.end(), batch.begin(), batch.end());
    if (output.logits) output.logits += rows * vocab;
    ids = ids.subspan(batch.size());
  }
  return {};
}

/// Whether the decoder evaluates just these ids already.
bool Session::is_ahead(std::span<const int32_t> ids) const noexcept {
  return ahead_ && ids.size() == 1 && ids[0] == *ahead_ && best_.size() == 1;
}

/// Takes what the decoder has evaluated, and first has it begin with the token after, if that is wanted.
Status Session::go_on(bool ahead) {
  const int32_t id = *ahead_;
  const bool further = ahead && n_past() + 1 < n_ctx();
  if (further) decoder_->go_on();
  ahead_.reset();
  const Result<gpu::Candidate> best = decoder_->take();
  if (!best.ok()) return best.status;
  tokens_.push_back(id);
  best_[0] = best.value;
  if (further) ahead_ = std::max(best_[0].id, 0);
  return {};
}

/// Begins with the best token, where the GPU can.
Status Session::look_ahead() {
  if (model_->gpu_layers() < model_->config().layers() || n_past() == n_ctx()) return {};
  if (!decoder_) {
    Result<std::unique_ptr<gpu::Decoder>> decoder = gpu::Decoder::create(model_->device(), *kv_->gpu());
    if (!decoder.ok()) return decoder.status;
    decoder_ = std::move(decoder.value);
  }
  ahead_ = std::max(best_[0].id, 0);
  decoder_->start(*ahead_, n_past());
  return {};
}

void Session::truncate(size_t n) {
  if (n < n_past()) ahead_.reset();
  tokens_.resize(std::min(n, tokens_.size()));
  adopted_ = false;
}

}  // namespace openelm
