#include "model/batch/batch.h"

#include <algorithm>
#include <utility>

#include "model/prompt_parts.h"

namespace openelm {

Batch::Batch(std::shared_ptr<Model> model, const BatchOptions& options)
    : model_(std::move(model)), options_(options), tile_(model_->attention_tile()) {
  options_.n_batch = (std::max<size_t>(1, options.n_batch) + tile_ - 1) / tile_ * tile_;
  options_.step_tokens = std::max(options.step_tokens, options.slots + tile_);
}

Result<std::unique_ptr<Batch>> Batch::create(std::shared_ptr<Model> model, const BatchOptions& options) {
  std::unique_ptr<Batch> batch(new Batch(std::move(model), options));
  Model& used = *batch->model_;
  const size_t most = batch->options_.step_tokens;
  if (Status status = used.reserve(options.kv_type, options.n_ctx, most, options.slots); !status.ok())
    return status;
  for (size_t i = 0; i < options.slots; ++i) {
    Result<std::unique_ptr<KvCache>> kv = used.create_cache(options.kv_type, options.n_ctx);
    if (!kv.ok()) return kv.status;
    batch->slots_.emplace_back().kv = std::move(kv.value);
  }
  batch->logits_.resize(options.slots * used.config().vocab_size);
  return batch;
}

size_t Batch::kv_bytes() const noexcept {
  size_t bytes = 0;
  for (const Slot& slot : slots_) bytes += slot.kv->bytes();
  return bytes;
}

size_t Batch::running() const noexcept {
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.free(); }));
}

void Batch::cancel(uint64_t id) {
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if ((*it)->id() != id) continue;
    (*it)->finish(FinishReason::aborted);
    waiting_.erase(it);
    return;
  }
  for (Slot& slot : slots_) {
    if (slot.free() || slot.sequence->id() != id) continue;
    slot.sequence->finish(FinishReason::aborted);
    slot.sequence.reset();
  }
}

void Batch::cancel_all() {
  for (const auto& sequence : waiting_) sequence->finish(FinishReason::aborted);
  waiting_.clear();
  for (Slot& slot : slots_) {
    if (slot.sequence) slot.sequence->finish(FinishReason::aborted);
    slot.sequence.reset();
  }
}

/// Tokens of a prompt that a slot's cache holds just as evaluating them would give them.
size_t Batch::reusable(const Slot& slot, std::span<const int32_t> ids) const {
  return reusable_tokens(*model_, options_.n_batch, slot.common_prefix(ids), slot.prompt, ids.size());
}

/// The slot for a prompt, its cache cut to what is `reused`; null when none is free. The longest prefix
/// counts, wherever it is: it is copied where its own sequence still runs, where a slot is empty, or where
/// staying would throw away more of a conversation than it saves.
Slot* Batch::slot_for(std::span<const int32_t> ids, size_t& reused) {
  Slot* oldest = nullptr;
  Slot* source = nullptr;
  reused = 0;
  for (Slot& slot : slots_) {
    const size_t common = reusable(slot, ids);
    if (common > reused || (common == reused && common > 0 && slot.free())) {
      source = &slot;
      reused = common;
    }
    if (slot.free() && (!oldest || slot.last_used < oldest->last_used)) oldest = &slot;
  }
  if (!oldest) return nullptr;
  const bool stays =
      source && source->free() && !oldest->tokens.empty() && 2 * reused >= source->tokens.size();
  if (stays) {
    source->tokens.resize(reused);
    return source;
  }
  if (source && source != oldest) {
    oldest->kv->copy_positions(*source->kv, reused);
    oldest->tokens.assign(source->tokens.begin(), source->tokens.begin() + static_cast<ptrdiff_t>(reused));
  } else {
    oldest->tokens.resize(reused);
  }
  return oldest;
}

void Batch::admit() {
  while (!waiting_.empty()) {
    size_t reused = 0;
    Slot* slot = slot_for(waiting_.front()->prompt(), reused);
    if (!slot) return;
    slot->sequence = std::move(waiting_.front());
    waiting_.pop_front();
    slot->prompt = slot->sequence->prompt().size();
    slot->last_used = ++admissions_;
    slot->sequence->admit(reused);
  }
}

void Batch::plan() {
  segments_.clear();
  members_.clear();
  for (Slot& slot : slots_) {
    if (slot.free() || slot.prefilling()) continue;
    segments_.push_back({slot.kv.get(), slot.tokens.size(), {&slot.sequence->token(), 1}, 1, 1});
    members_.push_back(&slot);
  }
  plan_prefill(options_.step_tokens - segments_.size());
}

/// Shares the budget among prompts, first come, first served; the first gets a tile in any case.
void Batch::plan_prefill(size_t budget) {
  std::vector<Slot*> prefilling;
  for (Slot& slot : slots_)
    if (slot.prefilling()) prefilling.push_back(&slot);
  std::sort(prefilling.begin(), prefilling.end(),
            [](const Slot* a, const Slot* b) { return a->last_used < b->last_used; });
  for (Slot* slot : prefilling) {
    const std::vector<int32_t>& ids = slot->sequence->prompt();
    const size_t position = slot->tokens.size(), part = part_tokens(options_.n_batch, ids.size(), position);
    const size_t end = position / options_.n_batch * options_.n_batch + part;
    size_t n = end - position;
    if (n > budget) n = budget / tile_ * tile_;
    if (n == 0) return;
    const size_t logits = position + n == ids.size() ? 1 : 0;
    segments_.push_back(
        {slot->kv.get(), position, std::span<const int32_t>(ids).subspan(position, n), logits, part});
    members_.push_back(slot);
    budget -= n;
  }
}

void Batch::step(const std::atomic<bool>& stop) {
  admit();
  plan();
  if (segments_.empty()) return;
  const Status status = model_->forward(segments_, {.logits = logits_.data()}, stop);
  if (status.ok()) return finish_pass();
  for (Slot* slot : members_) {
    // What the cache holds now is undefined.
    slot->tokens.clear();
    if (status.code() == Code::aborted)
      slot->sequence->finish(FinishReason::aborted);
    else
      slot->sequence->fail(status);
    slot->sequence.reset();
  }
}

void Batch::finish_pass() {
  const size_t vocab = model_->config().vocab_size;
  const float* row = logits_.data();
  for (size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    Slot& slot = *members_[i];
    slot.tokens.insert(slot.tokens.end(), segment.tokens.begin(), segment.tokens.end());
    if (segment.logits == 0) continue;
    if (!slot.sequence->advance({row, vocab}, slot.tokens.size() == slot.kv->n_ctx())) slot.sequence.reset();
    row += vocab;
  }
}

}  // namespace openelm
