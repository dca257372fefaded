#include "gpu/host/create.h"

#include "gpu/host/host_device.h"

namespace openelm::gpu {

std::vector<DeviceInfo> host_devices() {
  return {host::HostDevice().info()};
}

Result<std::unique_ptr<Device>> create_host_device(const DeviceOptions& options) {
  if (options.index != 0) return Status(Code::invalid, "there is only one host device");
  host::HostOptions own;
  own.record_chains = options.chains;
  return Result<std::unique_ptr<Device>>(std::make_unique<host::HostDevice>(own));
}

std::unique_ptr<Device> host_device(size_t memory_bytes) {
  host::HostOptions options;
  options.memory_bytes = memory_bytes;
  return std::make_unique<host::HostDevice>(options);
}

}  // namespace openelm::gpu
