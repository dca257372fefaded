#pragma once

// CUDA's errors as a Status, and the first of those that enqueued work leaves behind.

#include <cuda_runtime_api.h>

#include <string>

#include "runtime/status.h"

namespace openelm::gpu::cuda {

/// `doing` is what failed, as in "reading the GPU's properties".
inline Status cuda_failure(cudaError_t error, const char* doing) {
  return Status(Code::device, std::string("CUDA failed at ") + doing + ": " + cudaGetErrorString(error) +
                                  " (" + cudaGetErrorName(error) + ")");
}

/// Keeps the first error until it is taken.
class ErrorKeeper {
 public:
  /// Notes what a call returned; true when it succeeded.
  bool keep(cudaError_t error, const char* doing) {
    if (error == cudaSuccess) return true;
    if (first_.ok()) first_ = cuda_failure(error, doing);
    return false;
  }
  void keep(Status failure) {
    if (first_.ok()) first_ = std::move(failure);
  }
  Status take() {
    Status taken = std::move(first_);
    first_ = Status();
    return taken;
  }

 private:
  Status first_;
};

}  // namespace openelm::gpu::cuda
