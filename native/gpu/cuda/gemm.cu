#include "gpu/cuda/gemm.h"

#include <cuda_runtime.h>

#include <algorithm>

#include "gpu/cuda/gemm_inputs.h"
#include "gpu/cuda/gemm_tiles.h"

namespace openelm::gpu::cuda {
namespace {

constexpr size_t kPanelBytes = size_t{64} << 20;
/// Panels are multiples of so many rows: of every tile's, and of the padding of bf16 outputs.
constexpr uint32_t kPanelRows = 256;

/// bf16 matrices that need no copy.
bool is_direct(const DeviceMatrix& w) {
  return w.type == DType::bf16 && w.cols % kGemmStep == 0;
}

uint16_t* elements(DevicePointer p) {
  return reinterpret_cast<uint16_t*>(p);
}

/// One matrix, or a pair for a gated product.
struct Product {
  const DeviceMatrix* w[2];
  bool gated;
};

/// Q8_0 and Q4_0 for few tokens.
bool is_few(const DeviceMatrix& w, uint32_t n) {
  return n <= kFewTokens && (w.type == DType::q8_0 || w.type == DType::q4_0) && w.cols % kGemmStep == 0;
}

cudaError_t multiply_few(const Product& product, const GemmArgs& args, cudaStream_t stream) {
  FewArgs few = {};
  few.product = args;
  for (int i = 0; i < (product.gated ? 2 : 1); ++i) {
    few.quants[i] = reinterpret_cast<const uint8_t*>(product.w[i]->quants);
    few.scales[i] = elements(product.w[i]->scales);
  }
  const bool q4 = product.w[0]->type == DType::q4_0;
  return static_cast<cudaError_t>(launch_gemm_few(few, q4, product.gated, stream));
}

cudaError_t multiply(const Product& product, const uint16_t* x, uint32_t n, const GemmOutput& out,
                     const GemmWorkspace& workspace, cudaStream_t stream) {
  const DeviceMatrix& w = *product.w[0];
  const uint32_t matrices = product.gated ? 2 : 1, ld = gemm_row(w.cols);
  GemmArgs args = {};
  args.x = x;
  args.n = n;
  args.rows = w.rows;
  args.ld = ld;
  args.add = out.store == Store::add;
  args.y = out.y;
  args.ldy = out.ldy;
  args.y_bf16 = out.bf16;
  args.ld_bf16 = args.rows_bf16 = gemm_row(w.rows);
  if (is_few(w, n)) return multiply_few(product, args, stream);

  const size_t row_bytes = size_t{ld} * sizeof(uint16_t) * matrices;
  uint32_t panel = w.rows;
  if (!is_direct(w)) {
    const size_t fit = workspace.weight_bytes / row_bytes;
    if (fit < w.rows) panel = static_cast<uint32_t>(fit / kPanelRows * kPanelRows);
    if (panel == 0) return cudaErrorInvalidValue;  // the workspace is smaller than gemm_weight_bytes() says
  }
  for (uint32_t first = 0; first < w.rows; first += panel) {
    const uint32_t rows = std::min(panel, w.rows - first);
    const uint16_t* source[2] = {};
    for (uint32_t i = 0; i < matrices; ++i) {
      if (is_direct(w)) {
        source[i] = elements(product.w[i]->quants);
        continue;
      }
      uint16_t* const copy = static_cast<uint16_t*>(workspace.weights) + size_t{i} * rows * ld;
      const cudaError_t error = dequantize_rows(*product.w[i], first, rows, ld, copy, stream);
      if (error != cudaSuccess) return error;
      source[i] = copy;
    }
    args.w = source[0];
    args.up = source[1];
    args.rows = rows;
    if (out.y != nullptr) args.y = out.y + first;
    if (out.bf16 != nullptr) args.y_bf16 = out.bf16 + first;
    args.rows_bf16 = first + rows == w.rows ? args.ld_bf16 - first : rows;
    const size_t tile = choose_gemm_tile(n, rows * matrices, static_cast<uint32_t>(workspace.multiprocessors),
                                         workspace.first_tile);
    const int error = launch_gemm_tile(gemm_tile(tile), args, product.gated, stream);
    if (error != cudaSuccess) return static_cast<cudaError_t>(error);
  }
  return cudaSuccess;
}

/// Activations on their way to bf16, then the product.
cudaError_t convert_and_multiply(const Product& product, const float* x, uint32_t n, const float* norm,
                                 float eps, const GemmOutput& out, const GemmWorkspace& workspace,
                                 cudaStream_t stream) {
  if (n == 0 || product.w[0]->rows == 0) return cudaSuccess;
  uint16_t* const activations = static_cast<uint16_t*>(workspace.x);
  const uint32_t cols = product.w[0]->cols;
  const cudaError_t error = convert_activations(x, n, cols, norm, eps, activations, gemm_row(cols), stream);
  if (error != cudaSuccess) return error;
  return multiply(product, activations, n, out, workspace, stream);
}

}  // namespace

uint32_t gemm_row(uint32_t cols) noexcept {
  return (cols + kGemmStep - 1) / kGemmStep * kGemmStep;
}

size_t gemm_activation_bytes(uint32_t n, uint32_t cols) noexcept {
  return size_t{n} * gemm_row(cols) * sizeof(uint16_t);
}

size_t gemm_weight_bytes(uint32_t rows, uint32_t cols) noexcept {
  const size_t pair_bytes = 2 * size_t{gemm_row(cols)} * sizeof(uint16_t);
  return std::min(rows * pair_bytes, std::max(kPanelBytes, kPanelRows * pair_bytes));
}

cudaError_t prepare_gemm(size_t& first_tile) {
  int error = prepare_gemm_tiles(kLargeTileCount, kGemmTileCount);
  if (error == cudaSuccess) error = prepare_gemm_few();
  first_tile = error == cudaSuccess ? find_first_gemm_tile() : kLargeTileCount;
  return static_cast<cudaError_t>(error);
}

cudaError_t gemm(const DeviceMatrix& w, const float* x, uint32_t n, const float* norm, float eps,
                 const GemmOutput& out, const GemmWorkspace& workspace, cudaStream_t stream) {
  return convert_and_multiply({{&w, nullptr}, false}, x, n, norm, eps, out, workspace, stream);
}

cudaError_t gemm_bf16(const DeviceMatrix& w, const uint16_t* x, uint32_t n, const GemmOutput& out,
                      const GemmWorkspace& workspace, cudaStream_t stream) {
  if (n == 0 || w.rows == 0) return cudaSuccess;
  return multiply({{&w, nullptr}, false}, x, n, out, workspace, stream);
}

cudaError_t gated_gemm(const DeviceMatrix& gate, const DeviceMatrix& up, const float* x, uint32_t n,
                       const float* norm, float eps, const GemmOutput& out, const GemmWorkspace& workspace,
                       cudaStream_t stream) {
  return convert_and_multiply({{&gate, &up}, true}, x, n, norm, eps, out, workspace, stream);
}

}  // namespace openelm::gpu::cuda
