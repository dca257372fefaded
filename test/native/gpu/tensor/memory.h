#pragma once

// Device memory and time, for the checks and the bench of the tensor-core kernels. A CUDA error ends the
// program.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gpu/device.h"
#include "gpu/emulated.h"

namespace openelm::gpu::cuda {

inline void require(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::printf("Bail out! %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

/// An array on the device.
template <class T>
class Array {
 public:
  explicit Array(size_t count) : count_(count) {
    require(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T) + 16), "cudaMalloc");
  }
  explicit Array(const std::vector<T>& from) : Array(from.size()) { set(from); }
  ~Array() { cudaFree(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  void set(const std::vector<T>& from) {
    require(cudaMemcpy(data_, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice), "upload");
  }
  std::vector<T> get() const {
    std::vector<T> to(count_);
    require(cudaMemcpy(to.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), "download");
    return to;
  }
  T* data() const { return data_; }
  DevicePointer address() const { return reinterpret_cast<DevicePointer>(data_); }

 private:
  T* data_ = nullptr;
  size_t count_;
};

/// Seconds that a call's kernels take: the mean of `count` calls after one that is not counted.
template <class Call>
double seconds_of(Call call, int count = 10) {
  cudaEvent_t begin, end;
  require(cudaEventCreate(&begin), "event");
  require(cudaEventCreate(&end), "event");
  require(call(), "launch");
  require(cudaEventRecord(begin, nullptr), "event");
  for (int i = 0; i < count; ++i) require(call(), "launch");
  require(cudaEventRecord(end, nullptr), "event");
  require(cudaEventSynchronize(end), "kernel");
  float ms = 0;
  require(cudaEventElapsedTime(&ms, begin, end), "event");
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return ms * 1e-3 / count;
}

inline int multiprocessors() {
  int count = 0;
  require(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0), "device");
  return count;
}

inline std::vector<float> random_floats(size_t count, float scale, emulation::Random& random) {
  std::vector<float> v(count);
  for (float& x : v) x = scale * random.symmetric();
  return v;
}

}  // namespace openelm::gpu::cuda
