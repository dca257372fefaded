#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "kernels/kernel_table.h"
#include "model/config.h"
#include "model/forward.h"
#include "model/weights.h"
#include "runtime/thread_pool.h"

namespace openelm {

/// Weights, kernels and threads. Any number of sessions share one; their passes take turns.
class Model {
 public:
  struct Source {
    std::shared_ptr<const MappedFile> file;  // with tensors, or
    std::vector<TensorInfo> tensors;
    DType synthetic = DType::f16;  // random weights of this type when there is no file
  };

  static Result<std::shared_ptr<Model>> create(ModelConfig config, Source source, const KernelTable& kernels,
                                               unsigned threads);

  /// One batch through the model; waits for the pass of another session to end.
  Status forward(std::span<const Segment> segments, float* logits, const std::atomic<bool>& stop);

  /// Called before a session of that context length evaluates.
  void reserve_positions(size_t n_ctx);

  /// ForwardPass::same_kernels.
  bool same_kernels(size_t a, size_t b) const { return forward_->same_kernels(a, b); }

  const ModelConfig& config() const noexcept { return config_; }
  size_t weight_bytes() const noexcept { return weights_->bytes(); }
  unsigned threads() const noexcept { return pool_.size(); }
  const KernelTable& kernels() const noexcept { return kernels_; }

 private:
  Model(ModelConfig config, const KernelTable& kernels, unsigned threads);

  const ModelConfig config_;
  const KernelTable& kernels_;
  ThreadPool pool_;
  std::shared_ptr<const Weights> weights_;
  std::mutex mutex_;  // guards forward_ and pool_
  std::unique_ptr<ForwardPass> forward_;
};

}  // namespace openelm
