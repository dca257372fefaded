#pragma once

// y = x · Wᵀ, the op that decides speed: every projection of the model and the logits.
//
// Weights stay in their file format and are never repacked as a whole (they are mapped, and resident once).
// What is repacked is the small side: `pack` turns f32 activations into the layout an implementation wants,
// once a matmul, shared by all threads; `run` then computes a range of output rows and may be called for
// disjoint ranges at once.

#include <cstddef>
#include <cstdint>

#include "quant/dtype.h"

namespace openelm {

/// A row-major matrix in its file format; rows are `row_bytes(type, cols)` apart, with no alignment beyond a
/// byte.
struct WeightMatrix {
  DType type = DType::f32;
  size_t rows = 0;
  size_t cols = 0;
  const uint8_t* data = nullptr;

  const uint8_t* row(size_t r) const noexcept { return data + r * row_bytes(type, cols); }
};

/// How activations are carried: decides the error bound that tests apply.
enum class Activations {
  f32,   // exact
  i16,   // 15-bit integers with one scale for at most 256 values of a token: relative to the block's largest
         // value
  i13,   // 13-bit integers with one scale for 128 values of a token; so are the weights then
  i8,    // 8-bit integers of one scale t for 32 columns of a token, whose largest magnitude is m:
         // X = x · (127 / m) to nearest, t = m / 127 cut to 22 bits, both 0 for m below 2^-110
  bf16,  // 8 bits of significand, relative to each value; so are the weights then
};

/// Rows of a matrix that the calling thread will want right after a call. A kernel that asks for weights
/// ahead goes on there, not behind its last row, where nobody may want them. No matrix: nothing is known.
struct NextRows {
  const WeightMatrix* w = nullptr;
  size_t begin = 0, end = 0;
};

struct MatmulArgs {
  const WeightMatrix* w;
  size_t row_begin, row_end;  // output rows; row_begin is a multiple of row_multiple, row_end too or w->rows
  const void* packed;         // what pack wrote for all tokens
  size_t tokens;
  float* y;  // [tokens][ldy], element (t, row) at y[t * ldy + row]
  size_t ldy;
  bool accumulate;  // y += instead of y =
  void* scratch;    // scratch_bytes, private to the calling thread
  NextRows next{};
};

/// Which packed activations are interchangeable between implementations.
enum class PackedForm {
  own,           // of the one that packed them
  tiles,         // bf16: [16 tokens][32 columns][pair of columns][token][2]
  nibble_tiles,  // the same, columns of 32 in the order 0, 2, 4 … 30, 1, 3 … 31
};

/// swiglu(gate · x, up · x) of a range of rows, as columns of the packed activations of the product that
/// follows.
constexpr size_t kGatedMultiple = 32;  // of rows
struct GatedArgs {
  const WeightMatrix *gate, *up;  // of one type and shape; a multiple of kGatedMultiple rows
  size_t row_begin, row_end;      // multiples too
  const void* packed;             // what pack wrote for all tokens
  size_t tokens;
  PackedForm form;  // of `out`; not own
  void* out;        // packed_bytes of tokens × gate->rows
  void* scratch;    // scratch_bytes, private to the calling thread
};

/// One way to do the product. All buffers are 64-byte aligned. An output's value depends on its weight row
/// and its token only, never on how rows or tokens were split between calls, so results are the same for any
/// thread count.
struct MatmulImpl {
  const char* name;  // such as "q8_0_avx2"
  Activations activations;
  size_t token_multiple;  // pack ranges begin at multiples of this
  size_t row_multiple;    // run ranges begin at multiples of this

  /// Bytes of the packed form of `tokens` × `cols` activations.
  size_t (*packed_bytes)(size_t tokens, size_t cols);
  /// Packs tokens [first, last) of `tokens`, whose rows begin at x, ldx apart, into the shared buffer; ranges
  /// may be packed by different threads.
  void (*pack)(const float* x, size_t ldx, size_t tokens, size_t cols, size_t first, size_t last,
               void* packed);
  /// Private working memory of one thread in run.
  size_t (*scratch_bytes)(size_t tokens, size_t cols);
  void (*run)(const MatmulArgs& args);

  PackedForm form = PackedForm::own;
  /// Null where there is none.
  void (*run_gated)(const GatedArgs& args) = nullptr;
};

}  // namespace openelm
