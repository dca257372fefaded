#pragma once

#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"

namespace openelm {

struct Variant {
  KernelTable table;
  bool supported;  // by this processor and operating system
};

/// Every variant compiled in, in ascending order of preference; "reference" is first and always supported.
const std::vector<Variant>& variants() noexcept;

/// The variant of that name if compiled in and supported, else nullptr.
const KernelTable* find_kernels(std::string_view name) noexcept;

/// The most preferred supported variant.
const KernelTable& best_kernels() noexcept;

}  // namespace openelm
