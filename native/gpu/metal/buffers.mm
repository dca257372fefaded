#include "gpu/metal/buffers.h"

#include <algorithm>
#include <string>

namespace openelm::gpu::metal {

Result<DevicePointer> Buffers::allocate(size_t bytes) {
  const size_t wanted = std::max<size_t>(bytes, 16);
  const size_t free = free_bytes();
  id<MTLBuffer> buffer = nil;
  if (wanted <= free && wanted <= device_.maxBufferLength)
    buffer = [device_ newBufferWithLength:wanted options:MTLResourceStorageModeShared];
  if (buffer == nil) {
    std::string why = std::to_string(bytes) + " bytes were asked for, " + std::to_string(free) + " are free";
    if (wanted > device_.maxBufferLength)
      why += ", and a buffer holds " + std::to_string(device_.maxBufferLength) + " at most";
    return Status(Code::memory, "not enough GPU memory: " + why);
  }
  const DevicePointer address = buffer.gpuAddress;
  by_address_[address] = buffer;
  ++version_;
  return address;
}

id<MTLBuffer> Buffers::remove(DevicePointer address) noexcept {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nil;
  id<MTLBuffer> buffer = found->second;
  by_address_.erase(found);
  ++version_;
  return buffer;
}

uint8_t* Buffers::contents(DevicePointer address, size_t bytes) const noexcept {
  auto after = by_address_.upper_bound(address);
  if (after == by_address_.begin()) return nullptr;
  const auto& [start, buffer] = *--after;
  const size_t offset = address - start;
  if (offset > buffer.length || bytes > buffer.length - offset) return nullptr;
  return static_cast<uint8_t*>(buffer.contents) + offset;
}

const std::vector<id<MTLResource>>& Buffers::resources() {
  if (listed_ != version_) {
    resources_.clear();
    for (const auto& [address, buffer] : by_address_) resources_.push_back(buffer);
    listed_ = version_;
  }
  return resources_;
}

size_t Buffers::free_bytes() const noexcept {
  const size_t limit = device_.recommendedMaxWorkingSetSize, used = device_.currentAllocatedSize;
  return limit > used ? limit - used : 0;
}

}  // namespace openelm::gpu::metal
