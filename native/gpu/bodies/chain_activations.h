#pragma once

// A product's inputs in shared memory, with the bits of sum_squares and store_planes, but read in one go: a
// chain's groups wait for them after every op.

#include "gpu/bodies/chain_ops.h"

namespace openelm {
namespace gpu {

/// Activations that a lane loads before it uses any, in each pass one group of 32 columns for a run of lanes;
/// 0 behind the last.
template <uint32_t Passes>
class LoadedFours {
 public:
  Four fours[Passes][8];

  /// x, or the norm's weights.
  GPU_FN void load_values(PlaneRun run, GPU_DEVICE const float* x, uint32_t g, uint32_t stride,
                          uint32_t groups) {
    GPU_UNROLL
    for (uint32_t p = 0; p < Passes; ++p) {
      GPU_UNROLL
      for (uint32_t w = 0; w < run.fours; ++w) fours[p][w].values = load(run, x, g + p * stride, w, groups);
    }
  }
  GPU_FN void load_weights(PlaneRun run, GPU_DEVICE const float* norm, uint32_t g, uint32_t stride,
                           uint32_t groups) {
    GPU_UNROLL
    for (uint32_t p = 0; p < Passes; ++p) {
      GPU_UNROLL
      for (uint32_t w = 0; w < run.fours; ++w)
        fours[p][w].weights = load(run, norm, g + p * stride, w, groups);
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

 private:
  GPU_FN static Words4 load(PlaneRun run, GPU_DEVICE const float* from, uint32_t g, uint32_t w,
                            uint32_t groups) {
    Words4 words = {{0, 0, 0, 0}};
    if (g < groups)
      words = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(from + g * kGroup + run.in_group + 4 * w));
    return words;
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

/// x' of op number `number` in the machine's panel, `panel` columns as Form has them, as soon as groups have
/// met; the norm's weights are loaded before. Machine::kAnySize: for groups and norms of any size, not only
/// where kNormPasses do and teams are of eight lanes at least.
template <class Form, class Machine>
GPU_FN void prepare_activations(GPU_LOCAL Machine& machine, uint32_t number,
                                GPU_SHARED const ChainProduct& op, uint32_t panel) {
  enum : uint32_t { kPlainPasses = 4 };
  const auto group = machine.group();
  const auto team = group.team();
  const PlaneRun run(team);
  const uint32_t at_once = team.size() / run.lanes, stride = group.teams() * at_once;
  const uint32_t cols = op.w.cols, groups = cols / kGroup;
  const uint32_t g = group.team_index() * at_once + team.lane() / run.lanes;
  const PlaneView view = plane_view(machine.panel(), panel);
  GPU_SHARED float* squares = machine.squares();
  GPU_DEVICE const float* x = at<const float>(op.x);
  GPU_DEVICE const float* norm = at<const float>(op.norm);
  if (!op.norm) {
    machine.meet(number);
    GPU_NO_UNROLL
    for (uint32_t base = 0; base < groups; base += kPlainPasses * stride) {
      LoadedFours<kPlainPasses> loaded;
      loaded.load_values(run, x, base + g, stride, groups);
      loaded.template store<Form>(team, run, false, 1.0f, base + g, stride, groups, panel, view);
    }
  } else if (Machine::kAnySize && (run.fours != 1 || groups > kNormPasses * stride)) {
    machine.meet(number);
    sum_squares<1>(group, x, 1, cols, squares);
    group.barrier();
    const float scale = inverse_rms(squares, 0, group.teams(), cols, op.eps);
    store_planes<Form>(group, x, norm, scale, cols, 0, panel, machine.panel());
  } else {
    LoadedFours<kNormPasses> loaded;
    loaded.load_weights(run, norm, g, stride, groups);
    machine.meet(number);
    loaded.load_values(run, x, g, stride, groups);
    sum_loaded_squares(group, loaded, squares);
    group.barrier();
    const float scale = inverse_rms(squares, 0, group.teams(), cols, op.eps);
    loaded.template store<Form>(team, run, true, scale, g, stride, groups, panel, view);
  }
  group.barrier();
}

}  // namespace gpu
}  // namespace openelm
