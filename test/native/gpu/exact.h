#pragma once

// Exact results, in double, and what may be lost on the way.

#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/dequantize.h"
#include "random.h"
#include "weights.h"

namespace openelm::check {

/// Unit roundoff of f32, the relative error allowed to exp, and that of a sum of n products: see check.h.
inline constexpr double kUnit = 0x1p-24, kExpError = 0x1p-20;
inline double sum_error(size_t n) {
  return kUnit * (6 * std::sqrt(static_cast<double>(n)) + 4);
}

/// Rows of a type with ordinary scales.
inline std::vector<uint8_t> random_matrix(DType type, size_t rows, size_t cols, Random& random) {
  std::vector<uint8_t> data(rows * row_bytes(type, cols));
  for (size_t r = 0; r < rows; ++r)
    random_row(type, Scales::ordinary, random, data.data() + r * row_bytes(type, cols), cols);
  return data;
}

inline std::vector<float> random_floats(size_t count, float spread, Random& random) {
  std::vector<float> values(count);
  for (float& value : values) value = random.normal() * spread;
  return values;
}

/// x' of a token and by how much each element may be off, relatively.
struct Normalized {
  std::vector<double> x;
  double relative = 0;

  Normalized(const float* from, const float* norm, double eps, size_t cols) : x(from, from + cols) {
    if (!norm) return;
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(cols) + eps);
    for (size_t i = 0; i < cols; ++i) x[i] *= scale * norm[i];
    relative = sum_error(cols) + 6 * kUnit;
  }
};

/// How a product carries its operands.
enum class Carried { floats, planes, bf16 };

inline Carried carried_by(DType type, bool many, bool bf16) {
  if (many) return bf16 ? Carried::bf16 : Carried::floats;
  switch (type) {
    case DType::q8_0:
    case DType::q4_0:
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k:
      return Carried::planes;
    default:
      return Carried::floats;
  }
}

struct Exact {
  double value, bound;
};

/// A row of weights · x.
inline Exact exact_product(DType type, const uint8_t* row, const Normalized& x, Carried carried) {
  const size_t cols = x.x.size();
  std::vector<float> w(cols);
  dequantize_row(type, row, w.data(), cols);
  const std::vector<float> offsets = offsets_of_row(type, row, cols);
  double sum = 0, magnitude = 0, rounding = 0, largest = 0;
  for (size_t i = 0; i < cols; ++i) {
    const double wi = w[i], xi = x.x[i];
    if (i % 32 == 0) {
      largest = 0;
      for (size_t j = i; j < std::min(cols, i + 32); ++j) largest = std::max(largest, std::fabs(x.x[j]));
    }
    sum += wi * xi;
    magnitude += (std::fabs(wi) + 2 * std::fabs(static_cast<double>(offsets[i]))) * std::fabs(xi);
    // Planes: half a step of 15 bits of the group's largest, or all of what is taken for zero. bf16: weight
    // and activation round by 2^-8 each.
    if (carried == Carried::planes) rounding += std::fabs(wi) * (largest / 32638.0 * (1 + 1e-3) + 0x1p-100);
    if (carried == Carried::bf16) rounding += std::fabs(wi * xi) * (0x1p-7 + 0x1p-16);
  }
  return {sum, (sum_error(cols) + x.relative) * magnitude + rounding + 0x1p-126 * static_cast<double>(cols)};
}

}  // namespace openelm::check
