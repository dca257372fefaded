#pragma once

// Activations in shared memory, for products with few tokens: normalized on the way, and in the form the
// weights' type wants.
//
// Q8_0, Q4_0, Q4_K, Q5_K and Q6_K multiply integers. A group of 32 activations becomes 15-bit integers with
// one scale, x ≈ scale · (128 · high + low), as two planes of int8: as good as exact at the price of a second
// dot4. A panel of columns, for each token:
//   high int8 [panel], low int8 [panel], scales f32 [panel / 32], for types with minima also sums f32
//   [panel / 32] of the integers of a group; Q4_0's minimum is -8.
// A plane is in order for Q8_0. For types of which a byte has two quants, n columns apart, the first n of
// every 2n columns come before all of the last n, so that lanes with neighbouring bytes read neighbouring
// pieces.
//
// The other types multiply floats: f32 [panel], the first 4 of every 8 columns before the last 4 of every 8.

#include "gpu/bodies/matrix.h"
#include "gpu/bodies/reduce.h"

namespace openelm {
namespace gpu {

/// The integers' range, 127 · 128 + 63, and the least magnitude of a group that is not taken for zero.
GPU_CONSTANT float kPlaneRange = 16319.0f;
GPU_CONSTANT float kPlaneLeast = 7.888609e-31f;  // 2^-100
GPU_CONSTANT float kRoundShift = 12582912.0f;

/// How activations for a type lie in shared memory. A panel is a multiple of kPanelMultiple columns.
struct FloatActivations {
  enum : uint32_t { kIntegers = 0, kPanelMultiple = 1024 };
  GPU_BOTH static uint32_t bytes(uint32_t panel) { return panel * 4; }
};
/// Split: columns between the quants of a byte, 0: a byte is one. Sums: 1 with those of groups.
template <uint32_t Split, uint32_t Sums>
struct PlaneActivations {
  enum : uint32_t { kIntegers = 1, kSplit = Split, kSums = Sums, kPanelMultiple = 2048 };
  GPU_BOTH static uint32_t bytes(uint32_t panel) { return panel * 2 + panel / 8 * (1 + Sums); }
};
template <class Block>
struct ActivationsOf {
  typedef FloatActivations Type;
};
template <>
struct ActivationsOf<BlockQ8_0> {
  typedef PlaneActivations<0, 0> Type;
};
template <>
struct ActivationsOf<BlockQ4_0> {
  typedef PlaneActivations<16, 1> Type;
};
template <>
struct ActivationsOf<BlockQ4_K> {
  typedef PlaneActivations<32, 1> Type;
};
template <>
struct ActivationsOf<BlockQ5_K> {
  typedef PlaneActivations<32, 1> Type;
};
template <>
struct ActivationsOf<BlockQ6_K> {
  typedef PlaneActivations<64, 0> Type;
};

/// A panel with all columns.
template <class Form>
GPU_BOTH uint32_t whole_panel(uint32_t cols) {
  const uint32_t multiple = Form::kPanelMultiple;
  return (cols + multiple - 1) / multiple * multiple;
}

/// Where the parts of a token's panel are.
struct PlaneView {
  GPU_SHARED uint8_t* high;
  GPU_SHARED uint8_t* low;
  GPU_SHARED float* scales;
  GPU_SHARED float* sums;
};
GPU_FN PlaneView plane_view(GPU_SHARED uint8_t* panel, uint32_t columns) {
  PlaneView view;
  view.high = panel;
  view.low = panel + columns;
  view.scales = reinterpret_cast<GPU_SHARED float*>(panel + 2 * columns);
  view.sums = view.scales + columns / kGroup;
  return view;
}

/// Column `col` of a panel of floats.
GPU_FN uint32_t float_place(uint32_t col, uint32_t columns) {
  return col / 8 * 4 + col % 4 + (col / 4 % 2) * (columns / 2);
}
/// The byte of column `col` in a plane.
GPU_FN uint32_t plane_place(uint32_t col, uint32_t columns, uint32_t split) {
  return split ? col / split % 2 * (columns / 2) + col / (2 * split) * split + col % split : col;
}

/// Asks for the weights of a norm.
template <class Group>
GPU_FN void prefetch_norm(Group group, GPU_DEVICE const float* norm, uint32_t cols) {
  for (uint32_t i = group.lane() * 32; i < cols; i += group.size() * 32)
    prefetch(reinterpret_cast<GPU_DEVICE const uint8_t*>(norm + i));
}

/// Sums of squares of up to Tokens rows of x, [tokens][cols], a part a team. shared: [Tokens][teams].
template <uint32_t Tokens, class Group>
GPU_FN void sum_squares(Group group, GPU_DEVICE const float* x, uint32_t tokens, uint32_t cols,
                        GPU_SHARED float* shared) {
  enum : uint32_t { kBatch = Tokens == 1 ? 4 : Tokens == 2 ? 2 : 1 };  // loads of a token under way
  const auto team = group.team();
  float squares[Tokens];
  GPU_UNROLL
  for (uint32_t t = 0; t < Tokens; ++t) squares[t] = 0;
  if (cols % 4 != 0) {  // rows are not aligned
    for (uint32_t i = group.lane(); i < cols; i += group.size()) {
      GPU_UNROLL
      for (uint32_t t = 0; t < Tokens; ++t) {
        const float value = t < tokens ? x[uint64_t(t) * cols + i] : 0.0f;
        squares[t] = fma_of(value, value, squares[t]);
      }
    }
  } else {
    const uint32_t step = group.size() * 4;
    for (uint32_t base = group.lane() * 4; base < cols; base += step * kBatch) {
      Words4 fours[kBatch][Tokens];
      GPU_UNROLL
      for (uint32_t b = 0; b < kBatch; ++b) {
        GPU_UNROLL
        for (uint32_t t = 0; t < Tokens; ++t) {
          const uint32_t i = base + b * step;
          fours[b][t] = Words4{{0, 0, 0, 0}};
          if (t < tokens && i < cols)
            fours[b][t] = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(x + uint64_t(t) * cols + i));
        }
      }
      GPU_UNROLL
      for (uint32_t b = 0; b < kBatch; ++b) {
        GPU_UNROLL
        for (uint32_t t = 0; t < Tokens; ++t) {
          GPU_UNROLL
          for (uint32_t j = 0; j < 4; ++j)
            squares[t] = fma_of(as_float(fours[b][t].word[j]), as_float(fours[b][t].word[j]), squares[t]);
        }
      }
    }
  }
  GPU_UNROLL
  for (uint32_t t = 0; t < Tokens; ++t) {
    const float sum = team.sum(squares[t]);
    if (team.lane() == 0) shared[t * group.teams() + group.team_index()] = sum;
  }
}

/// 1 / rms of token t, from what sum_squares left.
GPU_FN float inverse_rms(GPU_SHARED const float* shared, uint32_t t, uint32_t teams, uint32_t cols,
                         float eps) {
  float squares = 0;
  for (uint32_t i = 0; i < teams; ++i) squares += shared[t * teams + i];
  return 1.0f / sqrt_of(squares / float(cols) + eps);
}

/// Columns [first, first + panel) of one row into shared memory as floats, those behind cols as 0.
template <class Group>
GPU_FN void store_floats(Group group, GPU_DEVICE const float* x, GPU_DEVICE const float* norm, float scale,
                         uint32_t cols, uint32_t first, uint32_t panel, GPU_SHARED uint8_t* shared) {
  GPU_SHARED float* out = reinterpret_cast<GPU_SHARED float*>(shared);
  for (uint32_t i = group.lane(); i < panel; i += group.size()) {
    const uint32_t col = first + i;
    float value = 0;
    if (col < cols) value = norm ? x[col] * scale * norm[col] : x[col];
    out[float_place(i, panel)] = value;
  }
}

/// Four neighbouring activations that a lane loaded, and their norm's weights.
struct Four {
  Words4 values, weights;
};
GPU_FN Four load_four(GPU_DEVICE const float* x, GPU_DEVICE const float* norm, uint32_t col) {
  Four four;
  four.values = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(x + col));
  four.weights = four.values;
  if (norm) four.weights = load_16(reinterpret_cast<GPU_DEVICE const uint8_t*>(norm + col));
  return four;
}

/// The run of lanes that takes a group of 32 columns, and a lane's place in it.
struct PlaneRun {
  uint32_t lanes, fours, in_group;  // fours of a lane, the first column of them

  template <class Team>
  GPU_FN explicit PlaneRun(Team team) {
    lanes = min_of(team.size(), 8);
    fours = 8 / lanes;
    in_group = team.lane() % lanes * fours * 4;
  }
};

/// Quantizes group `g` of a panel into planes: v, the lane's fours of it, 0 where it is not active.
template <class Form, class Team>
GPU_FN void store_group(Team team, PlaneRun run, GPU_LOCAL const float* v, bool active, uint32_t g,
                        uint32_t panel, PlaneView view) {
  uint32_t largest_bits = 0;
  GPU_UNROLL
  for (uint32_t i = 0; i < run.fours * 4; ++i) {
    const uint32_t bits = as_bits(v[i]) & 0x7fffffffu;  // larger for infinity, and larger still for NaN
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const float largest = as_float(team.max(largest_bits, run.lanes));
  const bool finite = as_bits(largest) < 0x7f800000u;
  const float inverse = finite && largest >= kPlaneLeast ? kPlaneRange * reciprocal_of(largest) : 0.0f;
  float sum = 0;
  GPU_UNROLL
  for (uint32_t w = 0; w < run.fours; ++w) {
    uint32_t high = 0, low = 0;
    GPU_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      // Adding 1.5 · 2^23 leaves no bits for a fraction: the integer is then in the low bits.
      const float shifted = finite ? fma_of(v[4 * w + i], inverse, kRoundShift) : kRoundShift;
      const int32_t q = int32_t(as_bits(shifted) - 0x4b400000u);
      const int32_t h = (q + 64) >> 7;
      sum += shifted - kRoundShift;
      high |= (uint32_t(h) & 255u) << (8 * i);
      low |= (uint32_t(q - h * 128) & 255u) << (8 * i);
    }
    if (!active) continue;
    const uint32_t place = plane_place(g * kGroup + run.in_group + 4 * w, panel, Form::kSplit);
    *reinterpret_cast<GPU_SHARED uint32_t*>(view.high + place) = high;
    *reinterpret_cast<GPU_SHARED uint32_t*>(view.low + place) = low;
  }
  if (Form::kSums) sum = team.sum(sum, run.lanes);
  if (!active || team.lane() % run.lanes != 0) return;
  view.scales[g] = !finite || largest >= kPlaneLeast ? largest * (1.0f / kPlaneRange) : 0.0f;
  if (Form::kSums) view.sums[g] = sum;
}

/// The same as two planes; x and norm are aligned to 16 bytes. A run of lanes takes a group of 32.
template <class Form, class Group>
GPU_FN void store_planes(Group group, GPU_DEVICE const float* x, GPU_DEVICE const float* norm, float scale,
                         uint32_t cols, uint32_t first, uint32_t panel, GPU_SHARED uint8_t* shared) {
  const auto team = group.team();
  const PlaneRun run(team);
  const uint32_t at_once = team.size() / run.lanes, stride = group.teams() * at_once;
  const uint32_t groups = min_of(cols - first, panel) / kGroup;
  const PlaneView view = plane_view(shared, panel);
  Four next[8];
  uint32_t g = group.team_index() * at_once + team.lane() / run.lanes;
  GPU_UNROLL
  for (uint32_t w = 0; w < run.fours; ++w)
    if (g < groups) next[w] = load_four(x, norm, first + g * kGroup + run.in_group + 4 * w);
  for (uint32_t base = group.team_index() * at_once; base < groups; base += stride, g += stride) {
    const bool active = g < groups;
    float v[32];
    GPU_UNROLL
    for (uint32_t w = 0; w < run.fours; ++w) {
      GPU_UNROLL
      for (uint32_t i = 0; i < 4; ++i) {
        float value = active ? as_float(next[w].values.word[i]) : 0.0f;
        if (norm && active) value = value * scale * as_float(next[w].weights.word[i]);
        v[4 * w + i] = value;
      }
      if (g + stride < groups)
        next[w] = load_four(x, norm, first + (g + stride) * kGroup + run.in_group + 4 * w);
    }
    store_group<Form>(team, run, v, active, g, panel, view);
  }
}

/// A panel in the form that Form names.
template <class Form, uint32_t Integers = Form::kIntegers>
struct StorePanel {
  template <class Group>
  GPU_FN static void run(Group group, GPU_DEVICE const float* x, GPU_DEVICE const float* norm, float scale,
                         uint32_t cols, uint32_t first, uint32_t panel, GPU_SHARED uint8_t* shared) {
    store_planes<Form>(group, x, norm, scale, cols, first, panel, shared);
  }
};
template <class Form>
struct StorePanel<Form, 0> {
  template <class Group>
  GPU_FN static void run(Group group, GPU_DEVICE const float* x, GPU_DEVICE const float* norm, float scale,
                         uint32_t cols, uint32_t first, uint32_t panel, GPU_SHARED uint8_t* shared) {
    store_floats(group, x, norm, scale, cols, first, panel, shared);
  }
};

}  // namespace gpu
}  // namespace openelm
