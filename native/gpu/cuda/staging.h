#pragma once

// Host memory that the GPU copies from and to by itself: a pair of buffers through which files are uploaded,
// one being filled while the other travels, and a small one for results.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "gpu/cuda/errors.h"

namespace openelm::gpu::cuda {

class Staging {
 public:
  static constexpr size_t kChunk = size_t{8} << 20;

  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() { free(); }

  /// Takes the memory unless it is there: host memory and as much on the device, for chunks that are
  /// rearranged.
  Status prepare();
  void free() noexcept;

  struct Chunk {
    uint8_t* host = nullptr;    // [kChunk], may be filled now
    uint8_t* device = nullptr;  // [kChunk]
  };
  /// The next chunk, once the GPU has done with what it held. finish() marks the end of what uses it.
  Chunk begin(ErrorKeeper& errors);
  void finish(cudaStream_t stream, ErrorKeeper& errors);

 private:
  Chunk chunks_[2];
  cudaEvent_t done_[2] = {};
  int next_ = 0;
};

}  // namespace openelm::gpu::cuda
