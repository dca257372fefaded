#include "gpu/metal/stream.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "gpu/metal/arguments.h"

namespace openelm::gpu::metal {
namespace {

/// Ops after which a command buffer starts by itself, some layers of a model.
constexpr uint32_t kOpsOfCommandBuffer = 64;
/// Uploads from this size on wait for the GPU instead of going through memory of their own.
constexpr size_t kLargeUpload = size_t{1} << 20;
constexpr size_t kSmallestStaging = 4096;
/// Free staging buffers that are kept.
constexpr size_t kSpareStaging = 16;

Status failure_of(id<MTLCommandBuffer> buffer) {
  if (buffer.status == MTLCommandBufferStatusCompleted) return {};
  NSError* error = buffer.error;
  const char* text = error.localizedDescription.UTF8String;
  const bool memory = error != nil && error.code == MTLCommandBufferErrorOutOfMemory;
  return Status(memory ? Code::memory : Code::device,
                std::string("the GPU stopped: ") + (text != nullptr ? text : "no reason is given"));
}

}  // namespace

bool Stream::open() {
  if (encoder_ == nil) {
    @autoreleasepool {
      current_ = [queue_ commandBuffer];
      // Each dispatch sees what those before it wrote.
      encoder_ = [current_ computeCommandEncoderWithDispatchType:MTLDispatchTypeSerial];
    }
    if (encoder_ == nil) {
      fail(Status(Code::device, "the GPU takes no more work"));
      return false;
    }
    declared_ = 0;
    ops_ = 0;
  }
  if (declared_ != buffers_.version()) {
    const std::vector<id<MTLResource>>& all = buffers_.resources();
    if (!all.empty())
      [encoder_ useResources:all.data() count:all.size() usage:MTLResourceUsageRead | MTLResourceUsageWrite];
    declared_ = buffers_.version();
  }
  return true;
}

void Stream::run(std::string_view kernel, const void* arguments, size_t bytes, const Launch& launch) {
  if (launch.x == 0 || launch.y == 0 || launch.z == 0) return;
  if (launch.shared_bytes > device_.maxThreadgroupMemoryLength)
    return fail(
        Status(Code::invalid, "the Metal kernel " + std::string(kernel) + " needs " +
                                  std::to_string(launch.shared_bytes) + " bytes of threadgroup memory, but " +
                                  std::to_string(device_.maxThreadgroupMemoryLength) + " is the most"));
  Status status;
  id<MTLComputePipelineState> pipeline = library_.pipeline(kernel, launch.threads, status);
  if (pipeline == nil) return fail(std::move(status));
  if (!open()) return;
  [encoder_ setComputePipelineState:pipeline];
  [encoder_ setBytes:arguments length:bytes atIndex:0];
  // Lengths are multiples of 16, and the argument is there whether a kernel wants it or not.
  [encoder_ setThreadgroupMemoryLength:std::max<size_t>(16, (launch.shared_bytes + 15) / 16 * 16) atIndex:0];
  [encoder_ dispatchThreadgroups:MTLSizeMake(launch.x, launch.y, launch.z)
           threadsPerThreadgroup:MTLSizeMake(launch.threads, 1, 1)];
  if (++ops_ >= kOpsOfCommandBuffer) commit();
}

id<MTLBuffer> Stream::take_staging(size_t bytes) {
  for (auto spare = staging_.begin(); spare != staging_.end(); ++spare) {
    if ((*spare).length < bytes) continue;
    id<MTLBuffer> buffer = *spare;
    staging_.erase(spare);
    return buffer;
  }
  const size_t length = std::max(bytes, kSmallestStaging);
  id<MTLBuffer> buffer = [device_ newBufferWithLength:length options:MTLResourceStorageModeShared];
  if (buffer == nil)
    fail(Status(Code::memory, "not enough GPU memory to copy " + std::to_string(bytes) + " bytes"));
  return buffer;
}

void Stream::upload(DevicePointer to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  uint8_t* contents = buffers_.contents(to, bytes);
  if (contents == nullptr) return fail(Status(Code::internal, "an upload outside of the GPU's memory"));
  if (!idle() && bytes >= kLargeUpload) {
    Status status = wait(commit());
    if (!status.ok()) fail(std::move(status));
  }
  if (idle()) {
    std::memcpy(contents, from, bytes);
    return;
  }
  id<MTLBuffer> staging = take_staging(bytes);
  if (staging == nil || !open()) return;
  std::memcpy(staging.contents, from, bytes);
  [encoder_ useResource:staging usage:MTLResourceUsageRead];
  held_.push_back({committed_ + 1, staging, nullptr, 0, true});
  copy(to, staging.gpuAddress, bytes);
}

void Stream::download(void* to, DevicePointer from, size_t bytes) {
  if (bytes == 0) return;
  const uint8_t* contents = buffers_.contents(from, bytes);
  if (contents == nullptr) return fail(Status(Code::internal, "a download from outside of the GPU's memory"));
  if (idle()) {
    std::memcpy(to, contents, bytes);
    return;
  }
  id<MTLBuffer> staging = take_staging(bytes);
  if (staging == nil || !open()) return;
  [encoder_ useResource:staging usage:MTLResourceUsageWrite];
  held_.push_back({committed_ + 1, staging, to, bytes, true});
  copy(staging.gpuAddress, from, bytes);
}

void Stream::copy(DevicePointer to, DevicePointer from, size_t bytes) {
  const uint32_t unit = (to | from | bytes) % 4 == 0 ? 4 : 1;
  const size_t units = bytes / unit;
  const CopyArgs arguments{to, from, static_cast<uint32_t>(units), unit};
  run("openelm_copy", arguments, {.x = static_cast<uint32_t>((units + 255) / 256), .threads = 256});
}

uint64_t Stream::commit() {
  if (encoder_ == nil) return committed_;
  [encoder_ endEncoding];
  [current_ commit];
  running_.push_back(current_);
  encoder_ = nil;
  current_ = nil;
  return ++committed_;
}

Status Stream::wait(uint64_t number) {
  while (!running_.empty() && committed_ - running_.size() < number) {
    @autoreleasepool {
      [running_.front() waitUntilCompleted];
      Status status = failure_of(running_.front());
      if (!status.ok()) fail(std::move(status));
    }
    running_.pop_front();
  }
  finish(committed_ - running_.size());
  return std::exchange(first_error_, Status());
}

void Stream::finish(uint64_t number) {
  for (Held& held : held_) {
    if (held.number > number) continue;
    if (held.to != nullptr) std::memcpy(held.to, held.buffer.contents, held.bytes);
    if (held.staging && staging_.size() < kSpareStaging) staging_.push_back(held.buffer);
  }
  std::erase_if(held_, [number](const Held& held) { return held.number <= number; });
}

void Stream::keep(id<MTLBuffer> buffer) {
  if (!idle()) held_.push_back({encoder_ != nil ? committed_ + 1 : committed_, buffer});
}

void Stream::fail(Status status) {
  if (first_error_.ok()) first_error_ = std::move(status);
}

}  // namespace openelm::gpu::metal
