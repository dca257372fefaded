#pragma once

#include <string>

#include "gpu/device.h"

namespace openelm::check {

/// Prints how fast the device's ops are at the shapes of OpenELM-270M and 3B, a table each for products,
/// small ops, attention, products with many tokens and whole steps. `only`: a part whose name begins so
/// (products, small, heads, many, steps).
void bench_device(gpu::Device& device, const std::string& only = "");

}  // namespace openelm::check
