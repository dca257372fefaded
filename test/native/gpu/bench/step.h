#pragma once

#include "gpu/bench/timer.h"

namespace openelm::check {

/// Prints how long a decoded token takes from its id to the next one's, at the shapes of OpenELM-270M and 3B.
/// limit: GB/s that memory reads.
void bench_steps(Bench& bench, double limit);

}  // namespace openelm::check
