#pragma once

#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"

namespace openelm {

struct Variant {
  KernelTable table;
  KernelTable int8;  // with 8-bit activations for batches of the types that have such kernels; else the same
  bool supported;    // by this processor and operating system
};

/// Every variant compiled in, in ascending order of preference; "reference" is first and always supported.
const std::vector<Variant>& variants() noexcept;

/// The variant of that name if compiled in and supported, else nullptr. `int8`: its table with 8-bit
/// activations.
const KernelTable* find_kernels(std::string_view name, bool int8 = false) noexcept;

/// The most preferred supported variant.
const KernelTable& best_kernels() noexcept;

}  // namespace openelm
