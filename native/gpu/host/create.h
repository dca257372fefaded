#pragma once

// A GPU of threads, for tests: it runs the kernel bodies that real ones run. In no ordinary build;
// OPENELM_HAVE_HOST_GPU says which build has it.

#include <memory>
#include <vector>

#include "gpu/device.h"

namespace openelm::gpu {

/// One device with a gigabyte of memory.
std::vector<DeviceInfo> host_devices();

/// That device. `invalid` for an index other than 0.
Result<std::unique_ptr<Device>> create_host_device(const DeviceOptions& options);

/// One with so much memory.
std::unique_ptr<Device> host_device(size_t memory_bytes);

}  // namespace openelm::gpu
