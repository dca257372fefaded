#pragma once

#include <utility>

#include "gpu/device.h"

namespace openelm::gpu {

/// Owned memory of a device, which must outlive it. Contents are undefined.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() { free(); }

  /// Memory of that size; what was held before is given back first.
  Status allocate(Device& device, size_t bytes) {
    free();
    if (bytes == 0) return {};
    Result<DevicePointer> memory = device.allocate(bytes);
    if (!memory.ok()) return memory.status;
    device_ = &device;
    address_ = memory.value;
    bytes_ = bytes;
    return {};
  }

  void free() noexcept {
    if (device_) device_->release(address_);
    device_ = nullptr;
    address_ = 0;
    bytes_ = 0;
  }

  DevicePointer at(size_t offset = 0) const noexcept { return address_ + offset; }
  size_t bytes() const noexcept { return bytes_; }

 private:
  Device* device_ = nullptr;
  DevicePointer address_ = 0;
  size_t bytes_ = 0;
};

}  // namespace openelm::gpu
