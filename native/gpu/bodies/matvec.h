#pragma once

// Products of a matrix with few tokens, bound by the bandwidth over the weights. A team takes kRows rows at a
// time and its lanes neighbouring pieces of them, kUnroll pieces a lane each step; those of the next step are
// on their way while one is multiplied, and those of the first before the activations are ready. Each output
// is summed in one order whatever the number of tokens (for one size of group).

#include "gpu/bodies/pieces_k.h"
#include "gpu/bodies/swiglu.h"

namespace openelm {
namespace gpu {

/// Rows a team takes at a time, and pieces of each a lane has under way.
template <class Block, uint32_t Tokens>
struct MatvecShape {
  enum : uint32_t { kRows = Tokens == 1 ? 1 : 2, kUnroll = Tokens == 1 ? 4 : 2 };
};
template <>
struct MatvecShape<BlockQ4_0, 1> {
  enum : uint32_t { kRows = 1, kUnroll = 2 };
};
template <uint32_t Tokens>
struct MatvecShapeK {  // pieces are of more registers
  enum : uint32_t { kRows = Tokens == 1 ? 1 : 2, kUnroll = Tokens == 1 ? 2 : 1 };
};
template <uint32_t Tokens>
struct MatvecShape<BlockQ4_K, Tokens> : MatvecShapeK<Tokens> {};
template <uint32_t Tokens>
struct MatvecShape<BlockQ5_K, Tokens> : MatvecShapeK<Tokens> {};
template <uint32_t Tokens>
struct MatvecShape<BlockQ6_K, Tokens> : MatvecShapeK<Tokens> {};
/// Pieces of a row of gate, and of one of up.
template <class Block>
struct GatedShape {
  enum : uint32_t { kUnroll = MatvecShape<Block, 2>::kUnroll };
};

/// Shared memory of matvec and gated_matvec: the panel of every token, then sums of squares.
template <class Block, uint32_t Tokens>
struct MatvecShared {
  typedef typename ActivationsOf<Block>::Type Form;
  GPU_BOTH static uint32_t bytes(uint32_t panel, uint32_t teams) {
    return Tokens * (Form::bytes(panel) + 4 * teams);
  }
  /// The most columns a panel can have within `limit` bytes, at most cols rounded up. 0: none.
  GPU_BOTH static uint32_t panel(uint32_t cols, uint32_t teams, uint32_t limit) {
    uint32_t panel = whole_panel<Form>(cols);
    while (panel > 0 && bytes(panel, teams) > limit) panel -= Form::kPanelMultiple;
    return panel;
  }
};

/// Rows of one matrix.
template <class Block, uint32_t Tokens>
struct PlainRows {
  enum : uint32_t {
    kRows = MatvecShape<Block, Tokens>::kRows,
    kUnroll = MatvecShape<Block, Tokens>::kUnroll
  };
  MatvecArgs args;

  GPU_FN uint32_t items() const { return (args.w.rows + kRows - 1) / kRows; }
  GPU_FN uint32_t cols() const { return args.w.cols; }
  GPU_FN Row<Block> row(uint32_t item, uint32_t r) const {
    return row_of<Block>(args.w, min_of(item * kRows + r, args.w.rows - 1));
  }
  /// The sums of an item, [kRows][Tokens], the same in every lane.
  GPU_FN void store(uint32_t item, uint32_t lane, uint32_t lanes, GPU_LOCAL const float* sums) const {
    GPU_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      GPU_UNROLL
      for (uint32_t t = 0; t < Tokens; ++t) {
        const uint32_t row = item * kRows + r;
        if (lane != (r * Tokens + t) % lanes || row >= args.w.rows || t >= args.tokens) continue;
        GPU_DEVICE float* y = at<float>(args.y) + uint64_t(t) * args.ldy + row;
        *y = args.add ? *y + sums[r * Tokens + t] : sums[r * Tokens + t];
      }
    }
  }
};

/// A row of gate and the same of up.
template <class Block, uint32_t Tokens>
struct GatedRows {
  enum : uint32_t { kRows = 2, kUnroll = GatedShape<Block>::kUnroll };
  GatedMatvecArgs args;

  GPU_FN uint32_t items() const { return args.gate.rows; }
  GPU_FN uint32_t cols() const { return args.gate.cols; }
  GPU_FN Row<Block> row(uint32_t item, uint32_t r) const {
    return r == 0 ? row_of<Block>(args.gate, item) : row_of<Block>(args.up, item);
  }
  GPU_FN void store(uint32_t item, uint32_t lane, uint32_t lanes, GPU_LOCAL const float* sums) const {
    GPU_UNROLL
    for (uint32_t t = 0; t < Tokens; ++t) {
      if (lane != t % lanes || t >= args.tokens) continue;
      at<float>(args.y)[uint64_t(t) * args.gate.rows + item] = swiglu_of(sums[t], sums[Tokens + t]);
    }
  }
};

/// The pieces of one step: those of a lane, kUnroll of each row. Behind the columns nothing is loaded.
template <class Block, class Rows>
struct Step {
  enum : uint32_t { kRows = Rows::kRows, kUnroll = Rows::kUnroll, kColumns = Piece<Block>::kColumns };
  Piece<Block> pieces[kRows][kUnroll];

  GPU_FN void load(Rows rows, uint32_t item, uint32_t col, uint32_t stride) {
    GPU_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      const Row<Block> row = rows.row(item, r);
      GPU_UNROLL
      for (uint32_t u = 0; u < kUnroll; ++u)
        if (col + u * stride < row.cols) pieces[r][u] = Piece<Block>::load(row, col + u * stride);
    }
  }
};

/// The product, for either kind of rows.
template <class Block, uint32_t Tokens, class Group, class Rows>
GPU_FN void multiply_rows(Group group, Rows rows, uint32_t index, uint32_t count,
                          GPU_SHARED uint8_t* shared) {
  typedef typename ActivationsOf<Block>::Type Form;
  enum : uint32_t { kRows = Rows::kRows, kUnroll = Rows::kUnroll };
  const auto team = group.team();
  const uint32_t cols = rows.cols(), items = rows.items(), teams = group.teams();
  const uint32_t tokens = rows.args.tokens, panel = rows.args.panel;
  const uint32_t stride = team.size() * Piece<Block>::kColumns, step_columns = stride * kUnroll;
  const uint32_t lane_col = team.lane() * Piece<Block>::kColumns;
  const uint32_t panel_bytes = Form::bytes(panel);

  uint32_t item = index * teams + group.team_index();
  Step<Block, Rows> next;
  if (item < items) next.load(rows, item, lane_col, stride);
  GPU_DEVICE const float* norm = rows.args.norm ? at<const float>(rows.args.norm) : nullptr;
  if (norm) prefetch_norm(group, norm, cols);

  let_next_start();
  wait_for_inputs();
  GPU_DEVICE const float* x = at<const float>(rows.args.x);
  GPU_SHARED float* squares = reinterpret_cast<GPU_SHARED float*>(shared + Tokens * panel_bytes);
  if (norm) sum_squares<Tokens>(group, x, tokens, cols, squares);

  bool ready = false;
  for (uint32_t base = index * teams; base < items; base += count * teams) {
    item = base + group.team_index();
    const bool active = item < items;
    float sums[kRows * Tokens];
    GPU_UNROLL
    for (uint32_t i = 0; i < kRows * Tokens; ++i) sums[i] = 0;
    for (uint32_t first = 0; first < cols; first += panel) {
      if (!ready) {
        group.barrier();
        for (uint32_t t = 0; t < tokens; ++t) {
          const float scale = norm ? inverse_rms(squares, t, teams, cols, rows.args.eps) : 1.0f;
          StorePanel<Form>::run(group, x + uint64_t(t) * cols, norm, scale, cols, first, panel,
                                shared + t * panel_bytes);
        }
        group.barrier();
        ready = panel >= cols;
      }
      if (!active) continue;
      const uint32_t end = min_of(cols - first, panel);
      for (uint32_t begin = 0; begin < end; begin += step_columns) {
        const Step<Block, Rows> step = next;
        if (first + begin + step_columns < cols)
          next.load(rows, item, first + begin + step_columns + lane_col, stride);
        else if (item + count * teams < items)
          next.load(rows, item + count * teams, lane_col, stride);
        GPU_UNROLL
        for (uint32_t u = 0; u < kUnroll; ++u) {
          const uint32_t col = begin + lane_col + u * stride;
          if (col >= end) continue;
          GPU_UNROLL
          for (uint32_t t = 0; t < Tokens; ++t) {
            if (Tokens > 1 && t >= tokens) continue;
            GPU_UNROLL
            for (uint32_t r = 0; r < kRows; ++r)
              sums[r * Tokens + t] =
                  step.pieces[r][u].dot(shared + t * panel_bytes, panel, col, sums[r * Tokens + t]);
          }
        }
      }
    }
    if (!active) continue;
    GPU_UNROLL
    for (uint32_t i = 0; i < kRows * Tokens; ++i) sums[i] = team.sum(sums[i]);
    rows.store(item, team.lane(), team.size(), sums);
  }
}

/// y (=|+=) w · x' for up to Tokens tokens. Group `index` of `count`, each with teams of its own on rows of
/// their own. shared: MatvecShared<Block, Tokens>::bytes.
template <class Block, uint32_t Tokens, class Group>
GPU_FN void matvec(Group group, MatvecArgs args, uint32_t index, uint32_t count, GPU_SHARED uint8_t* shared) {
  multiply_rows<Block, Tokens>(group, PlainRows<Block, Tokens>{args}, index, count, shared);
}

/// y = swiglu(gate · x', up · x'), likewise.
template <class Block, uint32_t Tokens, class Group>
GPU_FN void gated_matvec(Group group, GatedMatvecArgs args, uint32_t index, uint32_t count,
                         GPU_SHARED uint8_t* shared) {
  multiply_rows<Block, Tokens>(group, GatedRows<Block, Tokens>{args}, index, count, shared);
}

}  // namespace gpu
}  // namespace openelm
