#pragma once

#include "gpu/bodies/arguments.h"

namespace openelm {
namespace gpu {

/// Token t of the next pass: the best of this one, a position further. By a thread.
GPU_FN void advance(AdvanceArgs args, uint32_t t) {
  wait_for_inputs();
  let_next_start();
  if (t >= args.n) return;
  const int32_t id = at<const Candidate>(args.best)[uint64_t(t) * args.k].id;
  at<int32_t>(args.ids)[t] = id < 0 ? 0 : id;
  at<BatchToken>(args.list)[t].position += 1;
}

}  // namespace gpu
}  // namespace openelm
