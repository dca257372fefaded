#pragma once

#include "gpu/device.h"

namespace openelm::check {

/// Prints how fast the device's ops are at the shapes of OpenELM-270M and 3B, one table.
void bench_device(gpu::Device& device);

}  // namespace openelm::check
