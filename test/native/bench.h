#pragma once

#include <string>

#include "kernels/kernel_table.h"

namespace openelm::check {

/// Prints speeds of a variant's kernels; `what`: probe, matmul, attention, vectors, a type such as Q8_0, or
/// empty for all.
void bench(const KernelTable& table, const std::string& what);

}  // namespace openelm::check
