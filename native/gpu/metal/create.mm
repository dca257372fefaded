#include "gpu/metal/create.h"

#import <Foundation/Foundation.h>
#import <Metal/Metal.h>

#include <string>
#include <utility>

#include "gpu/metal/metal_device.h"

namespace openelm::gpu {
namespace {

std::string system_version() {
  const NSOperatingSystemVersion version = NSProcessInfo.processInfo.operatingSystemVersion;
  return "macOS " + std::to_string(version.majorVersion) + "." + std::to_string(version.minorVersion);
}

/// The newest family of Apple GPUs a device belongs to; 0 for other makes.
int apple_family(id<MTLDevice> device) {
  // Newer families than this SDK may name are numbered on.
  for (int family = 20; family >= 7; --family)
    if ([device supportsFamily:static_cast<MTLGPUFamily>(1000 + family)]) return family;
  return 0;
}

/// GPUs that have what the kernels need: simdgroup matrices and addresses in arguments.
std::vector<id<MTLDevice>> usable_devices() {
  std::vector<id<MTLDevice>> usable;
  @autoreleasepool {
    NSArray<id<MTLDevice>>* all = MTLCopyAllDevices();
    for (NSUInteger i = 0; i < all.count; ++i) {
      id<MTLDevice> device = [all objectAtIndex:i];
      if (apple_family(device) != 0) usable.push_back(device);
    }
  }
  return usable;
}

DeviceInfo describe(id<MTLDevice> device) {
  DeviceInfo info;
  const char* name = device.name.UTF8String;
  info.name = name != nullptr ? name : "Apple GPU";
  info.details = "GPU family Apple" + std::to_string(apple_family(device)) + ", " + system_version();
  info.total_bytes = device.recommendedMaxWorkingSetSize;
  const size_t used = device.currentAllocatedSize;
  info.free_bytes = info.total_bytes > used ? info.total_bytes - used : 0;
  return info;
}

}  // namespace

std::vector<DeviceInfo> metal_devices() {
  std::vector<DeviceInfo> devices;
  if (@available(macOS 13.0, *)) {
    for (id<MTLDevice> device : usable_devices()) devices.push_back(describe(device));
  }
  return devices;
}

Result<std::unique_ptr<Device>> create_metal_device(const DeviceOptions& options) {
  const int index = options.index;
  if (@available(macOS 13.0, *)) {
    const std::vector<id<MTLDevice>> usable = usable_devices();
    if (usable.empty()) return Status(Code::invalid, "no GPU of Apple silicon is found");
    if (index < 0 || static_cast<size_t>(index) >= usable.size())
      return Status(Code::invalid, "there is no GPU " + std::to_string(index) + ": the system has " +
                                       std::to_string(usable.size()));
    id<MTLDevice> chosen = usable[static_cast<size_t>(index)];
    id<MTLCommandQueue> queue = [chosen newCommandQueue];
    if (queue == nil) return Status(Code::device, "the GPU cannot be opened");
    auto device = std::make_unique<metal::MetalDevice>(chosen, queue, describe(chosen));
    Status prepared = device->prepare();
    if (!prepared.ok()) return prepared;
    return Result<std::unique_ptr<Device>>(std::move(device));
  }
  return Status(Code::invalid, "Metal kernels need macOS 13 or newer; this is " + system_version());
}

}  // namespace openelm::gpu
