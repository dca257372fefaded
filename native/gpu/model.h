#pragma once

// The forward pass on a device, written once over gpu::Device: the last layers of a model (or all of them)
// with their weights, activations and kv caches in the device's memory.

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "gpu/activations.h"
#include "gpu/input.h"
#include "gpu/segment.h"
#include "gpu/step.h"

namespace openelm::gpu {

/// Where results go. Rows are those whose logits are wanted, segment after segment.
struct Output {
  float* logits = nullptr;    // [rows][vocab_size], or null
  Candidate* best = nullptr;  // [rows][best_count] largest logits, for at most small_batch rows, or null
  uint32_t best_count = 0;    // at most max_top_k
};

/// Shared by sessions on any threads, whose calls take turns.
class DeviceModel {
 public:
  /// Uploads the weights of layers [first, last]. `memory`, with what would fit, when they do not.
  static Result<std::shared_ptr<DeviceModel>> create(std::shared_ptr<Device> device,
                                                     const ModelSource& source, size_t first);
  ~DeviceModel();

  /// Whether there is room for the kv caches of so many sequences besides passes of n_batch tokens, whose
  /// memory is taken. `memory`, with what would fit, otherwise.
  Status check_room(size_t n_batch, KvType type, size_t n_ctx, size_t sequences);

  /// Memory for passes of so many tokens and contexts of so many positions. cos and sin: RoPE's angles,
  /// [n_ctx][head_dim / 2].
  Status reserve(size_t n_batch, size_t n_ctx, const float* cos, const float* sin);

  /// Evaluates the segments: stores their keys and values and what is wanted of their logits. `hidden`: the
  /// residual after the layers that are not here, [tokens][dim]; unused when all are. Fails with `aborted`
  /// soon after `stop` becomes true (cache positions of the batch are then undefined). Positions are below
  /// the n_ctx reserved.
  Status forward(std::span<const Segment> segments, const float* hidden, const Output& output,
                 const std::atomic<bool>& stop);

  /// Whether the same kernels run for a and for b tokens.
  bool same_kernels(size_t a, size_t b) const {
    return (a <= limits_.small_batch) == (b <= limits_.small_batch);
  }

  const DeviceWeights& weights() const noexcept { return *weights_; }
  Device& device() const noexcept { return *device_; }
  /// For whoever uses the device itself.
  std::mutex& mutex() noexcept { return mutex_; }
  /// Waits for what was enqueued; errors are somebody else's, or come again.
  void finish_quietly() { (void)device_->synchronize().ok(); }

 private:
  friend class Decoder;

  DeviceModel(std::shared_ptr<Device> device, std::unique_ptr<DeviceWeights> weights);

  Status make_room(size_t tokens, size_t wanted, size_t n_ctx);
  Status run(const PassPlan& plan, const float* hidden, const Output& output, const std::atomic<bool>& stop);
  Status run_layers(const PassPlan& plan, const PassInput& input, const std::atomic<bool>& stop);
  Status run_step(const PassPlan& plan, const PassInput& input, uint32_t best);
  void upload_hidden(const PassPlan& plan, const float* hidden);
  void download(const PassPlan& plan, const Output& output);
  Result<Step*> step_for(const StepShape& shape);
  void replay(Step& step);
  void enqueue(const Step& step);

  const std::shared_ptr<Device> device_;
  const std::unique_ptr<DeviceWeights> weights_;
  const PlanLimits limits_;
  std::mutex mutex_;
  Activations buffers_;
  DeviceMemory input_, best_, rope_table_;
  RopeAddress rope_;
  size_t n_ctx_ = 0;
  std::vector<std::unique_ptr<Step>> steps_;  // the latest last
  uint64_t addresses_ = 0;                    // changes when anything that a recording refers to moves
  bool records_ = true;                       // as long as the device does not refuse
};

}  // namespace openelm::gpu
