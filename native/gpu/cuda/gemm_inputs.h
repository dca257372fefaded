#pragma once

// Both sides of a product on their way to bf16.

#include <cuda_runtime_api.h>

#include <cstdint>

#include "gpu/device.h"

namespace openelm::gpu::cuda {

/// y[t] = x[t] or rms_norm(x[t]) · norm, as bf16; x f32 [n][cols], y [n][ld], 0 behind cols. ld is a multiple
/// of 8.
cudaError_t convert_activations(const float* x, uint32_t n, uint32_t cols, const float* norm, float eps,
                                uint16_t* y, uint32_t ld, cudaStream_t stream);

/// Rows [first, first + rows) of a matrix of any type as bf16, [rows][ld], 0 behind its cols. ld is a
/// multiple of 8.
cudaError_t dequantize_rows(const DeviceMatrix& w, uint32_t first, uint32_t rows, uint32_t ld, uint16_t* out,
                            cudaStream_t stream);

}  // namespace openelm::gpu::cuda
