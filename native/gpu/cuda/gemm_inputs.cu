#include "gpu/cuda/gemm_inputs.h"

#include <cuda_runtime.h>

#include "gpu/bodies/dequantize.h"
#include "gpu/cuda/group.cuh"
#include "gpu/cuda/tensor_core.cuh"
#include "gpu/with_block.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;
/// Elements that a thread writes at a time: 16 bytes.
constexpr uint32_t kPart = 8;

GPU_FN void store_part(uint16_t* to, const float (&v)[kPart]) {
  *reinterpret_cast<Words*>(to) = {
      {pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7])}};
}

/// v = from[0..8), 0 behind count.
GPU_FN void load_part(const float* from, uint32_t count, bool aligned, float (&v)[kPart]) {
  if (aligned && count >= kPart) {
    const float4 a = reinterpret_cast<const float4*>(from)[0], b = reinterpret_cast<const float4*>(from)[1];
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
    return;
  }
  GPU_UNROLL
  for (uint32_t i = 0; i < kPart; ++i) v[i] = i < count ? from[i] : 0.0f;
}

/// A block a token.
__global__ void __launch_bounds__(kThreads)
    convert_kernel(const float* x, uint32_t cols, const float* norm, float eps, uint16_t* y, uint32_t ld) {
  const float* const row = x + static_cast<size_t>(blockIdx.x) * cols;
  uint16_t* const out = y + static_cast<size_t>(blockIdx.x) * ld;
  const bool aligned =
      cols % 4 == 0 && (reinterpret_cast<uint64_t>(x) | reinterpret_cast<uint64_t>(norm)) % 16 == 0;
  float scale = 1.0f;
  if (norm != nullptr) {
    float sum = 0.0f;
    for (uint32_t c = threadIdx.x * kPart; c < cols; c += kThreads * kPart) {
      float v[kPart];
      load_part(row + c, cols - c, aligned, v);
      GPU_UNROLL
      for (uint32_t i = 0; i < kPart; ++i) sum += v[i] * v[i];
    }
    __shared__ float sums[kThreads / kWarp];
    sum = Warp().sum(sum);
    if (threadIdx.x % kWarp == 0) sums[threadIdx.x / kWarp] = sum;
    __syncthreads();
    sum = Warp().sum(threadIdx.x % kWarp < kThreads / kWarp ? sums[threadIdx.x % kWarp] : 0.0f);
    scale = 1.0f / __fsqrt_rn(sum / static_cast<float>(cols) + eps);
  }
  for (uint32_t c = threadIdx.x * kPart; c < ld; c += kThreads * kPart) {
    float v[kPart] = {};
    if (c < cols) {
      load_part(row + c, cols - c, aligned, v);
      if (norm != nullptr) {
        float weight[kPart];
        load_part(norm + c, cols - c, aligned, weight);
        GPU_UNROLL
        for (uint32_t i = 0; i < kPart; ++i) v[i] = v[i] * scale * weight[i];
      }
    }
    store_part(out + c, v);
  }
}

template <class Block>
__global__ void __launch_bounds__(kThreads)
    dequantize_kernel(MatrixRef w, uint32_t first, uint32_t parts, uint32_t count, uint16_t* out) {
  const uint32_t i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= count) return;
  const uint32_t row = first + i / parts, col = i % parts * kPart;
  float v[kPart] = {};
  if (col < w.cols) dequantize_8(row_of<Block>(w, row), col, v);
  store_part(out + static_cast<size_t>(i) * kPart, v);
}

}  // namespace

cudaError_t convert_activations(const float* x, uint32_t n, uint32_t cols, const float* norm, float eps,
                                uint16_t* y, uint32_t ld, cudaStream_t stream) {
  convert_kernel<<<n, kThreads, 0, stream>>>(x, cols, norm, eps, y, ld);
  return cudaGetLastError();
}

cudaError_t dequantize_rows(const DeviceMatrix& w, uint32_t first, uint32_t rows, uint32_t ld, uint16_t* out,
                            cudaStream_t stream) {
  const MatrixRef matrix = {w.quants, w.scales, w.rows, w.cols};
  const uint32_t parts = ld / kPart, count = rows * parts;
  with_block(w.type, [&]<class Block>(BlockTag<Block>) {
    dequantize_kernel<Block>
        <<<(count + kThreads - 1) / kThreads, kThreads, 0, stream>>>(matrix, first, parts, count, out);
  });
  return cudaGetLastError();
}

}  // namespace openelm::gpu::cuda
