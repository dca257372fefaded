#pragma once

#include "gpu/bodies/arguments.h"
#include "gpu/bodies/reduce.h"

namespace openelm {
namespace gpu {

/// One row of `dim`, by a group. shared: [teams].
template <class Group>
GPU_FN void rms_norm(Group group, RmsNormArgs args, uint32_t token, GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  GPU_DEVICE const float* x = at<const float>(args.x) + uint64_t(token) * args.dim;
  GPU_DEVICE const float* weight = at<const float>(args.weight);
  GPU_DEVICE float* y = at<float>(args.y) + uint64_t(token) * args.dim;
  float squares = 0;
  for (uint32_t i = group.lane(); i < args.dim; i += group.size()) squares = fma_of(x[i], x[i], squares);
  squares = group_sum(group, squares, shared);
  const float scale = 1.0f / sqrt_of(squares / float(args.dim) + args.eps);
  for (uint32_t i = group.lane(); i < args.dim; i += group.size()) y[i] = x[i] * scale * weight[i];
}

}  // namespace gpu
}  // namespace openelm
