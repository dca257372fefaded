#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "model/batch/batch.h"

namespace openelm {

/// A batch that one thread runs and others give work to. Sinks are called from the thread in run().
class BatchEngine {
 public:
  static Result<std::unique_ptr<BatchEngine>> create(std::shared_ptr<Model> model,
                                                     std::shared_ptr<const Tokenizer> tokenizer,
                                                     const BatchOptions& options);

  /// Hands a request over. Fails with invalid for a prompt that is empty or has ids outside the vocabulary,
  /// with context_full for one that does not fit, with grammar where max_tokens are too few for it, with
  /// disposed after close(); the sink then stays silent.
  Status submit(uint64_t id, GenerateRequest request, SequenceSink sink);

  /// The sequence ends before the next pass, as aborted. An id that is not known (any more) is ignored.
  void cancel(uint64_t id);

  /// Every sequence ends as aborted, soon, and run() returns.
  void close();

  /// Evaluates until close(); sleeps while there is nothing to do. Called once.
  void run();

  size_t n_ctx() const noexcept { return n_ctx_; }
  size_t kv_bytes() const noexcept { return kv_bytes_; }

 private:
  using Command = std::function<void(Batch&)>;

  BatchEngine(std::unique_ptr<Batch> batch, std::shared_ptr<const Tokenizer> tokenizer, size_t vocab_size,
              size_t n_ctx);
  bool post(Command command);
  std::vector<Command> receive();

  const std::unique_ptr<Batch> batch_;  // of the thread in run()
  const std::shared_ptr<const Tokenizer> tokenizer_;
  const size_t vocab_size_, n_ctx_, kv_bytes_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Command> commands_;     // guarded by mutex_
  std::atomic<bool> closing_{false};  // written under mutex_; read by the pass as well
};

}  // namespace openelm
