#pragma once

#include "fixture.h"
#include "kernels/kernel_table.h"

namespace openelm {

/// Sequences in a batch, given and cancelled by several threads, say what each says alone; closing ends all.
void check_batch(const KernelTable& kernels, Report& report);

}  // namespace openelm
