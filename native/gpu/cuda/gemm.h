#pragma once

// Matrix products for many tokens on tensor cores: y = x · Wᵀ with weights of any type as they lie on the
// device. Activations are rounded to bf16 once, normalized on the way where asked; weights are dequantized to
// bf16; sums are f32, in the order of the columns. What comes out for a token does not depend on the other
// tokens nor on their number: tile sizes vary with both, the order of an output's sum never does.
//
// Calls enqueue kernels on the stream and return the launch's error. They allocate nothing and may be
// captured into a graph. Requires compute capability 8.0.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "gpu/device.h"

namespace openelm::gpu::cuda {

/// Scratch of a product, 256-byte aligned. Consecutive calls on one stream may share it.
struct GemmWorkspace {
  void* x = nullptr;        // activation_bytes(n, cols)
  void* weights = nullptr;  // weight_bytes
  size_t weight_bytes = 0;
  int multiprocessors = 0;  // of the device, for the choice of tiles
  size_t first_tile = 0;    // as prepare_gemm found
};

/// Bytes of GemmWorkspace::x for products of up to n tokens of up to `cols` columns.
size_t gemm_activation_bytes(uint32_t n, uint32_t cols) noexcept;

/// Bytes of GemmWorkspace::weights that serve matrices, and pairs of them in gated products, of up to these
/// sizes. Large ones are processed in panels of rows, so it is at most 64 MiB (or 512 rows, where those take
/// more).
size_t gemm_weight_bytes(uint32_t rows, uint32_t cols) noexcept;

/// Once for each device, with that device current: raises the kernels' limits of shared memory, and finds out
/// which tiles the device can use, in part by running small products, for which it waits.
cudaError_t prepare_gemm(size_t& first_tile);

/// Where products go. Either pointer may be null; bf16 receives what `y` does when store is set, rounded:
/// what a following product takes as its activations (see gemm_bf16), its rows gemm_row(rows) elements apart.
struct GemmOutput {
  float* y = nullptr;  // [n][ldy]
  uint32_t ldy = 0;
  Store store = Store::set;
  uint16_t* bf16 = nullptr;
};

/// Elements from row to row of activations in bf16: cols rounded up to the kernels' step. Those past cols are
/// 0.
uint32_t gemm_row(uint32_t cols) noexcept;

/// y (=|+=) x' · Wᵀ, [n][w.rows]; x f32 [n][w.cols], x' = x, or rms_norm(x) · norm when norm is given.
cudaError_t gemm(const DeviceMatrix& w, const float* x, uint32_t n, const float* norm, float eps,
                 const GemmOutput& out, const GemmWorkspace& workspace, cudaStream_t stream);

/// The same for activations that are in bf16 already, [n][gemm_row(w.cols)], 16-byte aligned. workspace.x is
/// not used.
cudaError_t gemm_bf16(const DeviceMatrix& w, const uint16_t* x, uint32_t n, const GemmOutput& out,
                      const GemmWorkspace& workspace, cudaStream_t stream);

/// y = swiglu(gate · x', up · x') = silu(gate · x') · (up · x'), [n][gate.rows]. gate and up agree in shape
/// and type.
cudaError_t gated_gemm(const DeviceMatrix& gate, const DeviceMatrix& up, const float* x, uint32_t n,
                       const float* norm, float eps, const GemmOutput& out, const GemmWorkspace& workspace,
                       cudaStream_t stream);

}  // namespace openelm::gpu::cuda
