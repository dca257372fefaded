#pragma once

// Apple GPUs as devices. A build without Metal has no such functions; OPENELM_HAVE_METAL says which build it
// is.

#include <memory>
#include <vector>

#include "gpu/device.h"

namespace openelm::gpu {

/// The GPUs the kernels run on, by index; empty on systems before macOS 13 and on Macs without Apple silicon.
std::vector<DeviceInfo> metal_devices();

/// A device on one of them, without chains. `invalid` where there is none, with the reason; `device` when it
/// cannot be opened; `internal` when the kernels do not compile, with the compiler's words.
Result<std::unique_ptr<Device>> create_metal_device(const DeviceOptions& options);

}  // namespace openelm::gpu
