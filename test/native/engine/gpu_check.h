#pragma once

#include "fixture.h"
#include "kernels/kernel_table.h"

namespace openelm {

/// A model with its last layers, or all, on the device of threads: results are the CPU's, however batches are
/// cut and whoever else is in them; what does not fit is refused with what would.
void check_gpu(const KernelTable& kernels, Report& report);

}  // namespace openelm
