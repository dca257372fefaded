#include "model/session.h"

#include <algorithm>
#include <string>
#include <utility>

namespace openelm {

Session::Session(std::shared_ptr<Model> model, std::unique_ptr<KvCache> kv, size_t n_batch)
    : model_(std::move(model)), kv_(std::move(kv)), n_batch_(n_batch) {}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Model> model, size_t n_ctx, KvType kv_type,
                                                 size_t n_batch) {
  Result<std::unique_ptr<KvCache>> kv = KvCache::create(model->config(), kv_type, n_ctx);
  if (!kv.ok()) return kv.status;
  model->reserve_positions(n_ctx);
  return std::unique_ptr<Session>(
      new Session(std::move(model), std::move(kv.value), std::max<size_t>(1, n_batch)));
}

Status Session::evaluate(std::span<const int32_t> ids, LogitsMode mode, float* logits) {
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
    if (Status status = model_->forward({&segment, 1}, logits, stop_); !status.ok()) return status;
    tokens_.insert(tokens_.end(), batch.begin(), batch.end());
    if (logits) logits += rows * vocab;
    ids = ids.subspan(batch.size());
  }
  return {};
}

void Session::truncate(size_t n) {
  tokens_.resize(std::min(n, tokens_.size()));
  adopted_ = false;
}

}  // namespace openelm
