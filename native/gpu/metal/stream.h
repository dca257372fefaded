#pragma once

// Work in the order in which it was enqueued. Ops gather in one encoder of one command buffer, which starts
// when a mark is set, when the host waits, or when enough has gathered that the GPU may begin while more is
// being encoded.

#import <Metal/Metal.h>

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "gpu/metal/buffers.h"
#include "gpu/metal/library.h"
#include "runtime/status.h"

namespace openelm::gpu::metal {

/// Sizes of a launch: groups in three dimensions, threads of a group, bytes of threadgroup memory.
struct Launch {
  uint32_t x = 1, y = 1, z = 1;
  uint32_t threads = 32;
  size_t shared_bytes = 0;
};

class API_AVAILABLE(macos(13.0)) Stream {
 public:
  Stream(id<MTLDevice> device, id<MTLCommandQueue> queue, Buffers& buffers, Library& library)
      : device_(device), queue_(queue), buffers_(buffers), library_(library) {}

  /// Enqueues an entry point with its arguments. A launch without groups is nothing to do.
  template <class Arguments>
  void run(std::string_view kernel, const Arguments& arguments, const Launch& launch) {
    static_assert(sizeof(Arguments) <= 4096, "what setBytes takes");
    run(kernel, &arguments, sizeof(Arguments), launch);
  }

  /// Enqueues copies from and to host memory, through memory of their own unless nothing is under way.
  void upload(DevicePointer to, const void* from, size_t bytes);
  void download(void* to, DevicePointer from, size_t bytes);
  void copy(DevicePointer to, DevicePointer from, size_t bytes);

  /// Starts what was enqueued; the number of the last command buffer, for wait().
  uint64_t commit();

  /// Waits for command buffers up to a number; the first error since the last call.
  Status wait(uint64_t number);

  /// Keeps a buffer until what was enqueued so far is done.
  void keep(id<MTLBuffer> buffer);

  /// Keeps the first error, for the next wait().
  void fail(Status status);

 private:
  /// Memory that must live until a command buffer is done, and where to copy it then.
  struct Held {
    uint64_t number;
    id<MTLBuffer> buffer;
    void* to = nullptr;
    size_t bytes = 0;
    bool staging = false;
  };

  void run(std::string_view kernel, const void* arguments, size_t bytes, const Launch& launch);
  bool open();
  bool idle() const noexcept { return encoder_ == nil && running_.empty(); }
  id<MTLBuffer> take_staging(size_t bytes);
  void finish(uint64_t number);

  id<MTLDevice> device_;
  id<MTLCommandQueue> queue_;
  Buffers& buffers_;
  Library& library_;

  id<MTLCommandBuffer> current_;
  id<MTLComputeCommandEncoder> encoder_;
  uint64_t declared_ = 0;  // version of the list of buffers the encoder knows
  uint32_t ops_ = 0;       // in the current command buffer
  uint64_t committed_ = 0;
  std::deque<id<MTLCommandBuffer>> running_;  // numbers committed_ - size + 1 … committed_
  std::vector<Held> held_;
  std::vector<id<MTLBuffer>> staging_;  // free
  Status first_error_;
};

}  // namespace openelm::gpu::metal
