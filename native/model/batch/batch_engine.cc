#include "model/batch/batch_engine.h"

#include <string>
#include <utility>

namespace openelm {

BatchEngine::BatchEngine(std::unique_ptr<Batch> batch, std::shared_ptr<const Tokenizer> tokenizer,
                         size_t vocab_size, size_t n_ctx)
    : batch_(std::move(batch)),
      tokenizer_(std::move(tokenizer)),
      vocab_size_(vocab_size),
      n_ctx_(n_ctx),
      kv_bytes_(batch_->kv_bytes()) {}

Result<std::unique_ptr<BatchEngine>> BatchEngine::create(std::shared_ptr<Model> model,
                                                         std::shared_ptr<const Tokenizer> tokenizer,
                                                         const BatchOptions& options) {
  const size_t vocab_size = model->config().vocab_size;
  Result<std::unique_ptr<Batch>> batch = Batch::create(std::move(model), options);
  if (!batch.ok()) return batch.status;
  return std::unique_ptr<BatchEngine>(
      new BatchEngine(std::move(batch.value), std::move(tokenizer), vocab_size, options.n_ctx));
}

Status BatchEngine::submit(uint64_t id, GenerateRequest request, SequenceSink sink) {
  if (request.ids.empty()) return Status(Code::invalid, "Nothing to evaluate: at least one token is needed");
  if (request.ids.size() > n_ctx_)
    return Status(Code::context_full, std::to_string(request.ids.size()) + " tokens do not fit into " +
                                          std::to_string(n_ctx_) + " positions");
  for (const int32_t token : request.ids) {
    if (token < 0 || static_cast<size_t>(token) >= vocab_size_)
      return Status(Code::invalid, "Token id " + std::to_string(token) + " is not in the vocabulary");
  }
  // std::function wants what it holds to be copyable.
  auto sequence = std::make_shared<std::unique_ptr<Sequence>>(
      std::make_unique<Sequence>(id, std::move(request), *tokenizer_, std::move(sink)));
  if (!(*sequence)->status().ok()) return (*sequence)->status();
  if (!post([sequence](Batch& batch) { batch.submit(std::move(*sequence)); }))
    return Status(Code::disposed, "The batch was closed");
  return {};
}

void BatchEngine::cancel(uint64_t id) {
  post([id](Batch& batch) { batch.cancel(id); });
}

void BatchEngine::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  arrived_.notify_one();
}

bool BatchEngine::post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return false;
    commands_.push_back(std::move(command));
  }
  arrived_.notify_one();
  return true;
}

/// What has arrived; waits for something while the batch has nothing to do.
std::vector<BatchEngine::Command> BatchEngine::receive() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return closing_ || !commands_.empty() || !batch_->idle(); });
  return std::exchange(commands_, {});
}

void BatchEngine::run() {
  while (!closing_) {
    for (const Command& command : receive()) command(*batch_);
    batch_->step(closing_);
  }
  // Nothing is taken any more; what was, ends with the rest.
  for (const Command& command : receive()) command(*batch_);
  batch_->cancel_all();
}

}  // namespace openelm
