#pragma once

// Sums over a group, from those of its teams.

#include "gpu/compat.h"

namespace openelm {
namespace gpu {

/// The sum of x over the group, for every thread. shared: [teams], free again after the next barrier.
template <class Group>
GPU_FN float group_sum(Group group, float x, GPU_SHARED float* shared) {
  const auto team = group.team();
  const float part = team.sum(x);
  if (team.lane() == 0) shared[group.team_index()] = part;
  group.barrier();
  float sum = 0;
  for (uint32_t i = 0; i < group.teams(); ++i) sum += shared[i];
  return sum;
}

}  // namespace gpu
}  // namespace openelm
