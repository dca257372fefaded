#pragma once

// NVIDIA GPUs as devices. A build without CUDA has no such functions; OPENELM_HAVE_CUDA says which build it
// is.

#include <memory>
#include <vector>

#include "gpu/device.h"

namespace openelm::gpu {

/// The GPUs this build's kernels run on, by index; empty without a driver.
std::vector<DeviceInfo> cuda_devices();

/// A device on one of them. `invalid` without a driver, without such a GPU or when it is too old, with the
/// reason.
Result<std::unique_ptr<Device>> create_cuda_device(const DeviceOptions& options);

}  // namespace openelm::gpu
