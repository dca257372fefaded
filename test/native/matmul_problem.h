#pragma once

// A product with its inputs, and how far from exact an implementation may be.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/matmul/matmul.h"
#include "memory.h"
#include "random.h"
#include "weights.h"

namespace openelm::check {

struct Shape {
  size_t rows, cols, tokens;
};

enum class Inputs { random, extreme, tiny, uneven };

/// Columns that share an activation scale, at most.
inline size_t scale_block(Activations kind) {
  return kind == Activations::i8 ? 32 : kind == Activations::i13 ? 128 : 256;
}

/// A product with its exact result and what may be lost on the way.
struct Problem {
  DType type;
  Shape shape;
  Guarded weights;
  size_t ldx, ldy;
  Guarded x;
  WeightMatrix w;
  bool independent;  // inputs are random, so their rounding errors are too

  Problem(DType type, Shape shape, Scales scales, Inputs inputs, Random& random)
      : type(type),
        shape(shape),
        weights(shape.rows * row_bytes(type, shape.cols)),
        ldx(shape.cols + random.below(3)),
        ldy(shape.rows + 3),
        x(((shape.tokens - 1) * ldx + shape.cols) * sizeof(float), alignof(float)),
        w{type, shape.rows, shape.cols, weights.data()},
        independent(inputs == Inputs::random) {
    for (size_t r = 0; r < shape.rows; ++r)
      random_row(type, scales, random, weights.data() + r * row_bytes(type, shape.cols), shape.cols);
    for (size_t t = 0; t < shape.tokens; ++t)
      for (size_t i = 0; i < shape.cols; ++i) token(t)[i] = activation(inputs, random);
    if (inputs == Inputs::uneven)
      for (size_t t = 0; t < shape.tokens; ++t) make_uneven(token(t), random);
  }

  float* token(size_t t) const { return x.as<float>() + t * ldx; }

 private:
  /// Blocks of 256 columns times 0 or a power of two.
  void make_uneven(float* values, Random& random) const {
    for (size_t block = 0; block < shape.cols; block += 256) {
      const float factor =
          random.below(4) == 0 ? 0.0f : std::ldexp(1.0f, static_cast<int>(random.below(101)) - 50);
      for (size_t i = block; i < std::min(block + 256, shape.cols); ++i) values[i] *= factor;
    }
  }
  static float activation(Inputs inputs, Random& random) {
    switch (inputs) {
      case Inputs::random:
      case Inputs::uneven:
        return random.normal();
      case Inputs::extreme:
        return random.below(2) ? 1000.0f : -1000.0f;
      case Inputs::tiny:
        return random.normal() * 1e-39f;
    }
    return 0;
  }
};

/// What becomes of a token's activations where the contract says it to the bit (Activations::i8); as they are
/// elsewhere.
inline std::vector<double> carried(Activations kind, const float* x, size_t n) {
  std::vector<double> values(x, x + n);
  if (kind != Activations::i8) return values;
  for (size_t block = 0; block < n; block += scale_block(kind)) {
    const size_t end = std::min(n, block + scale_block(kind));
    float largest = 0;
    for (size_t i = block; i < end; ++i) largest = std::max(largest, std::fabs(x[i]));
    const bool usable = largest >= 0x1p-110f;
    const float exact = usable ? largest / 127.0f : 0.0f, inverse = usable ? 127.0f / largest : 0.0f;
    uint32_t bits;
    std::memcpy(&bits, &exact, sizeof bits);
    bits &= ~uint32_t{3};
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    for (size_t i = block; i < end; ++i)
      values[i] = static_cast<double>(std::nearbyint(x[i] * inverse)) * static_cast<double>(scale);
  }
  return values;
}

/// What one output may be off by, apart from the f32 rounding of the sum.
inline double rounding_error(Activations kind, const Problem& p, const float* w,
                             const std::vector<float>& offsets, const float* x) {
  const size_t n = p.shape.cols;
  if (kind == Activations::f32) return 0;
  double worst = 0, squares = 0;
  for (size_t block = 0; block < n; block += scale_block(kind)) {
    const size_t end = std::min(n, block + scale_block(kind));
    double largest_x = 0, largest_w = 0;
    for (size_t i = block; i < end; ++i) {
      largest_x = std::max(largest_x, std::fabs(static_cast<double>(x[i])));
      largest_w = std::max(
          largest_w, std::fabs(static_cast<double>(w[i])) + 2 * std::fabs(static_cast<double>(offsets[i])));
    }
    for (size_t i = block; i < end; ++i) {
      const double wi = std::fabs(static_cast<double>(w[i])), xi = std::fabs(static_cast<double>(x[i]));
      double step = 0;
      if (kind == Activations::i16)  // half a step of 15 bits of the block's largest
        step = wi * (largest_x / 32638.0 + 0x1p-110);
      else if (kind == Activations::i13)  // half a step of 13 bits each; 1.3 steps for weights with offsets
        step = wi * (largest_x / 8190.0 + 0x1p-110) + (xi + largest_x / 8190.0) * largest_w * 1.4 / 4094;
      else if (kind == Activations::i8)  // half a step of 8 bits; the step itself has 22
        step = wi * (largest_x / 253.9 + xi * 0x1p-21 + 0x1p-110);
      else  // bf16: weight and activation round by 2^-8 each
        step = wi * xi * (0x1p-7 + 0x1p-16);
      worst += step;
      squares += step * step;
    }
  }
  // Independent errors of at most `step` each add up to more than 6·√Σstep² with probability 2·exp(-18)
  // (Hoeffding's inequality).
  return p.independent ? std::min(worst, 6 * std::sqrt(squares)) : worst;
}

}  // namespace openelm::check
