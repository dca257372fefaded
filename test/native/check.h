#pragma once

// The checks, one file an op. Each compares one variant with exact arithmetic in double, within bounds that
// follow from the inputs.

#include "kernels/kernel_table.h"
#include "tap.h"

namespace openelm::check {

/// Unit roundoff of f32: half the distance from 1 to the next number.
inline constexpr double kUnit = 0x1p-24;

/// Relative error allowed to a vectorized exp: a few units in the last place.
inline constexpr double kExpError = 0x1p-20;

/// Rounding error of a sum of n products in f32, relative to the sum of their magnitudes, in whatever order:
/// λ√n·u holds with probability 1 - 2·exp(-λ²/2) (Higham & Mary, SIAM J. Sci. Comput. 41(5), 2019); λ = 6.
/// The 4 are the roundings of a term itself (scale times quant, times activation).
double sum_error(size_t n);

void check_quant(Tap& tap, bool quick);
void check_matmul(Tap& tap, const KernelTable& table, bool quick);
void check_gated(Tap& tap, const KernelTable& table, bool quick);
/// The types for which `with` has kernels with 8-bit activations.
void check_int8_matmul(Tap& tap, const KernelTable& with, bool quick);
void check_attention(Tap& tap, const KernelTable& table, bool quick);
void check_rms_norm(Tap& tap, const KernelTable& table, bool quick);
void check_rope(Tap& tap, const KernelTable& table, bool quick);
void check_swiglu(Tap& tap, const KernelTable& table, bool quick);
void check_softmax(Tap& tap, const KernelTable& table, bool quick);
void check_kv_store(Tap& tap, const KernelTable& table, bool quick);
void check_vocabulary(Tap& tap, const KernelTable& table, bool quick);

}  // namespace openelm::check
