#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "gpu/model.h"
#include "kernels/kernel_table.h"
#include "model/config.h"
#include "model/forward.h"
#include "model/weights.h"
#include "runtime/thread_pool.h"

namespace openelm {

/// A GPU for the last so many layers and the logits; without layers or a device the CPU does all.
struct Offload {
  std::shared_ptr<gpu::Device> device;
  size_t layers = 0;
};

/// Weights, kernels and threads. Any number of sessions share one; their passes take turns.
class Model {
 public:
  struct Source {
    WeightFile file;  // with tensors, or
    std::vector<TensorInfo> tensors;
    DType synthetic = DType::f16;  // random weights of this type when there is no map
  };

  static Result<std::shared_ptr<Model>> create(ModelConfig config, Source source, const KernelTable& kernels,
                                               unsigned threads, const Offload& offload = {});

  /// One batch through the model; waits for the pass of another session to end. Best logits, of at most
  /// max_best() a row and of one segment, come from a GPU only.
  Status forward(std::span<const Segment> segments, const gpu::Output& output, const std::atomic<bool>& stop);
  /// How many best logits a GPU picks; 0 without one.
  size_t max_best() const noexcept { return device_ ? device_->device().max_top_k() : 0; }

  /// A cache for a sequence, where the layers are.
  Result<std::unique_ptr<KvCache>> create_cache(KvType type, size_t n_ctx);

  /// Called before caches for so many sequences are created, with the largest batches to come. Fails with
  /// `memory` where a GPU has not enough for all, naming what is needed, free and would fit.
  Status reserve(KvType type, size_t n_ctx, size_t n_batch, size_t sequences);

  /// Whether the same kernels are used for a and for b tokens.
  bool same_kernels(size_t a, size_t b) const;
  /// Whether prompts meet kernels with 8-bit activations: for a matrix at least, on the CPU.
  bool int8_activations() const;
  /// Sequences may be cut at multiples of so many tokens without changing what attention computes.
  size_t attention_tile() const noexcept;

  const ModelConfig& config() const noexcept { return config_; }
  size_t weight_bytes() const noexcept { return weights_->bytes(); }
  unsigned threads() const noexcept { return pool_.size(); }
  const KernelTable& kernels() const noexcept { return kernels_; }
  /// Layers on the GPU, and what holds them; null when the CPU has all.
  size_t gpu_layers() const noexcept { return config_.layers() - cpu_layers_; }
  const std::shared_ptr<gpu::DeviceModel>& device() const noexcept { return device_; }

 private:
  Model(ModelConfig config, const KernelTable& kernels, unsigned threads);
  Status place_layers(const Offload& offload);

  const ModelConfig config_;
  const KernelTable& kernels_;
  ThreadPool pool_;
  std::shared_ptr<const Weights> weights_;
  size_t cpu_layers_ = 0;                     // [0, cpu_layers_); the device has the others
  std::shared_ptr<gpu::DeviceModel> device_;  // null when there are none
  std::mutex mutex_;                          // guards what follows, and pool_
  std::unique_ptr<ForwardPass> forward_;      // null when the device has all layers
  std::unique_ptr<RopeTable> rope_;
  std::vector<gpu::Segment> device_segments_;
};

}  // namespace openelm
