#pragma once

#include "gpu/bodies/arguments.h"

namespace openelm {
namespace gpu {

GPU_FN float swiglu_of(float gate, float up) {
  return gate / (1.0f + exp_of(-gate)) * up;
}

/// Element i, by a thread.
GPU_FN void swiglu(SwigluArgs args, uint32_t i) {
  wait_for_inputs();
  let_next_start();
  if (i < args.count)
    at<float>(args.y)[i] = swiglu_of(at<const float>(args.gate)[i], at<const float>(args.up)[i]);
}

}  // namespace gpu
}  // namespace openelm
