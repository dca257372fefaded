#pragma once

// The device's memory as addresses. A kernel gets addresses in its arguments, as on other GPUs, so which
// buffer an address lies in matters to the CPU alone: to reach its contents, and to declare what an encoder
// uses.

#import <Metal/Metal.h>

#include <map>
#include <vector>

#include "gpu/device.h"

namespace openelm::gpu::metal {

class API_AVAILABLE(macos(13.0)) Buffers {
 public:
  explicit Buffers(id<MTLDevice> device) : device_(device) {}

  /// Memory that CPU and GPU share. `memory`, naming the bytes asked for and those free, when the GPU's
  /// working set would grow past what the system recommends.
  Result<DevicePointer> allocate(size_t bytes);

  /// Takes the buffer out of the list and returns it: it must live until the GPU has done with it. nil for an
  /// address that allocate() never gave.
  id<MTLBuffer> remove(DevicePointer address) noexcept;

  /// Where the CPU sees `bytes` bytes at an address, or nullptr when they lie in no one buffer.
  uint8_t* contents(DevicePointer address, size_t bytes) const noexcept;

  /// All buffers, for declaring them to an encoder; `version` changes whenever the list does.
  const std::vector<id<MTLResource>>& resources();
  uint64_t version() const noexcept { return version_; }

  /// Bytes that still fit the recommended working set.
  size_t free_bytes() const noexcept;

 private:
  id<MTLDevice> device_;
  std::map<DevicePointer, id<MTLBuffer>> by_address_;
  std::vector<id<MTLResource>> resources_;
  uint64_t version_ = 1, listed_ = 0;
};

}  // namespace openelm::gpu::metal
