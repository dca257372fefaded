#pragma once

// Times ops of a device: enqueues many, as one recorded pass where the device records, and replays it.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "gpu/device.h"
#include "gpu/memory.h"
#include "random.h"
#include "weights.h"

namespace openelm::check {

/// Memory that ends the program when there is none: a bench has nothing else to do then.
class Bench {
 public:
  explicit Bench(gpu::Device& device) : device(device) {}

  gpu::Device& device;

  /// Device memory of f32, roughly normal.
  gpu::DevicePointer floats(size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = random_.normal();
    return bytes(values.data(), count * sizeof(float));
  }
  gpu::DevicePointer bytes(const void* data, size_t count) {
    memory_.emplace_back();
    require(memory_.back().allocate(device, count));
    if (data != nullptr) device.upload(memory_.back().at(), data, count);
    return memory_.back().at();
  }
  /// As many copies of a random matrix as exceed `at_least` bytes, so that no cache holds them all.
  std::vector<gpu::DeviceMatrix> matrices(DType type, uint32_t rows, uint32_t cols, size_t at_least);
  void release(std::vector<gpu::DeviceMatrix>& matrices) {
    for (gpu::DeviceMatrix& matrix : matrices) device.release_matrix(matrix);
  }
  void release_all() { memory_.clear(); }
  void require(const Status& status);

  /// Seconds of one call of op(i), i = 0, 1, …: the least of several passes of `calls` calls.
  double seconds(uint32_t calls, const std::function<void(uint32_t)>& op);

 private:
  Random random_{7};
  std::vector<gpu::DeviceMemory> memory_;
};

}  // namespace openelm::check
