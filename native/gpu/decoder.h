#pragma once

#include <memory>

#include "gpu/cache.h"
#include "gpu/model.h"

namespace openelm::gpu {

/// Greedy decoding of one sequence: the device takes each chosen token as the next one's input by itself, so
/// that it can be given a pass ahead of what the host has looked at. For models whose layers are all on the
/// device.
class Decoder {
 public:
  /// The cache must outlive it.
  static Result<std::unique_ptr<Decoder>> create(std::shared_ptr<DeviceModel> model, const GpuCache& cache);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Begins to evaluate a token at a position below n_ctx. What was not taken of earlier passes is dropped.
  void start(int32_t id, size_t position);
  /// Gives the device another pass, for the token that the last one chooses, at the next position. At most
  /// two passes may be under way.
  void go_on();
  /// Waits for the oldest pass not taken yet.
  Result<Candidate> take();

 private:
  Decoder(std::shared_ptr<DeviceModel> model, const GpuCache& cache);
  void enqueue();

  const std::shared_ptr<DeviceModel> model_;
  const GpuCache& cache_;
  Step step_;
  Candidate results_[2] = {};
  uint64_t marks_[2] = {};
  size_t enqueued_ = 0, taken_ = 0;
};

}  // namespace openelm::gpu
