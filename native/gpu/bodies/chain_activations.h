#pragma once

// A product's inputs in shared memory, with the bits of sum_squares and store_planes, but read in one go: a
// chain's groups wait for them after every op.

#include "gpu/bodies/chain_ops.h"

namespace openelm {
namespace gpu {

/// Activations that a lane loads before it uses any, in each pass one group of 32 columns for a run of lanes;
/// 0 behind the last.
template <uint32_t Passes>
struct LoadedFours {
  Four fours[Passes][8];

  GPU_FN void load(PlaneRun run, GPU_DEVICE const float* x, GPU_DEVICE const float* norm, uint32_t g,
                   uint32_t stride, uint32_t groups) {
    GPU_UNROLL
    for (uint32_t p = 0; p < Passes; ++p) {
      GPU_UNROLL
      for (uint32_t w = 0; w < run.fours; ++w) {
        fours[p][w] = Four{{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
        if (g + p * stride < groups)
          fours[p][w] = load_four(x, norm, (g + p * stride) * kGroup + run.in_group + 4 * w);
      }
    }
  }
  /// Into planes: values, times scale and the norm's weights where it is.
  template <class Form, class Team>
  GPU_FN void store(Team team, PlaneRun run, bool norm, float scale, uint32_t g, uint32_t stride,
                    uint32_t groups, uint32_t panel, PlaneView view) const {
    GPU_UNROLL
    for (uint32_t p = 0; p < Passes; ++p) {
      const bool active = g + p * stride < groups;
      float v[32];
      GPU_UNROLL
      for (uint32_t w = 0; w < run.fours; ++w) {
        GPU_UNROLL
        for (uint32_t i = 0; i < 4; ++i) {
          float value = as_float(fours[p][w].values.word[i]);
          if (norm) value = value * scale * as_float(fours[p][w].weights.word[i]);
          v[4 * w + i] = value;
        }
      }
      store_group<Form>(team, run, v, active, g + p * stride, panel, view);
    }
  }
};

/// The sum of squares of what was loaded: as sum_squares adds, whose lanes have the same columns where teams
/// are of eight lanes at least.
template <uint32_t Passes, class Group>
GPU_FN void sum_loaded_squares(Group group, GPU_LOCAL const LoadedFours<Passes>& loaded,
                               GPU_SHARED float* shared) {
  const auto team = group.team();
  float squares = 0;
  GPU_UNROLL
  for (uint32_t p = 0; p < Passes; ++p) {
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const float value = as_float(loaded.fours[p][0].values.word[i]);
      squares = fma_of(value, value, squares);
    }
  }
  const float sum = team.sum(squares);
  if (team.lane() == 0) shared[group.team_index()] = sum;
}

/// Passes in which all lanes load the activations of a product with a norm, at most.
GPU_CONSTANT uint32_t kNormPasses = 2;

/// x' of a product in `shared`, `panel` columns as Form has them. squares: shared memory, 4 bytes a team.
/// AnySize: for groups and norms of any size, not only where kNormPasses do and teams are of eight lanes at
/// least.
template <class Form, bool AnySize, class Group>
GPU_FN void prepare_activations(Group group, GPU_SHARED const ChainProduct& op, uint32_t panel,
                                GPU_SHARED float* squares, GPU_SHARED uint8_t* shared) {
  enum : uint32_t { kPlainPasses = 4 };
  const auto team = group.team();
  const PlaneRun run(team);
  const uint32_t at_once = team.size() / run.lanes, stride = group.teams() * at_once;
  const uint32_t cols = op.w.cols, groups = cols / kGroup;
  const uint32_t g = group.team_index() * at_once + team.lane() / run.lanes;
  const PlaneView view = plane_view(shared, panel);
  GPU_DEVICE const float* x = at<const float>(op.x);
  GPU_DEVICE const float* norm = at<const float>(op.norm);
  if (!op.norm) {
    GPU_NO_UNROLL
    for (uint32_t base = 0; base < groups; base += kPlainPasses * stride) {
      LoadedFours<kPlainPasses> loaded;
      loaded.load(run, x, nullptr, base + g, stride, groups);
      loaded.template store<Form>(team, run, false, 1.0f, base + g, stride, groups, panel, view);
    }
  } else if (AnySize && (run.fours != 1 || groups > kNormPasses * stride)) {
    sum_squares<1>(group, x, 1, cols, squares);
    group.barrier();
    const float scale = inverse_rms(squares, 0, group.teams(), cols, op.eps);
    store_planes<Form>(group, x, norm, scale, cols, 0, panel, shared);
  } else {
    LoadedFours<kNormPasses> loaded;
    loaded.load(run, x, norm, g, stride, groups);
    sum_loaded_squares(group, loaded, squares);
    group.barrier();
    const float scale = inverse_rms(squares, 0, group.teams(), cols, op.eps);
    loaded.template store<Form>(team, run, true, scale, g, stride, groups, panel, view);
  }
  group.barrier();
}

}  // namespace gpu
}  // namespace openelm
