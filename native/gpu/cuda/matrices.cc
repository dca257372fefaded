// Weights on the device: their size, and their way there from a mapped file, in chunks through pinned memory.

#include <algorithm>
#include <cstring>

#include "gpu/cuda/cuda_device.h"
#include "gpu/cuda/kernels.h"
#include "gpu/planes.h"

namespace openelm::gpu::cuda {

size_t CudaDevice::matrix_bytes(DType type, size_t rows, size_t cols) const {
  return planes_of(type, rows, cols).bytes();
}

Result<DeviceMatrix> CudaDevice::upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) {
  activate();
  Status ready = staging_.prepare();
  if (!ready.ok()) return ready;
  const Planes planes = planes_of(type, rows, cols);
  const Result<DevicePointer> memory = allocate(planes.bytes());
  if (!memory.ok()) return memory.status;

  const DeviceMatrix matrix = matrix_at(memory.value, planes, type, rows, cols);

  const size_t block = dtype_info(type).block_bytes, step = Staging::kChunk / block * block;
  const size_t bytes = rows * row_bytes(type, cols);
  for (size_t offset = 0; offset < bytes; offset += step) {
    const size_t part = std::min(step, bytes - offset);
    const Staging::Chunk chunk = staging_.begin(errors_);
    std::memcpy(chunk.host, data + offset, part);
    void* to = planes.apart.is ? chunk.device : reinterpret_cast<void*>(matrix.quants + offset);
    check(cudaMemcpyAsync(to, chunk.host, part, cudaMemcpyHostToDevice, launcher_.stream),
          "uploading weights");
    if (planes.apart.is) {
      const size_t first = offset / block, quants = planes.apart.quant_bytes();
      check(split_planes(launcher_, chunk.device, part / block, static_cast<uint32_t>(quants / 2),
                         static_cast<uint32_t>(planes.apart.scale_at / 2),
                         reinterpret_cast<void*>(matrix.quants + first * quants),
                         reinterpret_cast<void*>(matrix.scales + first * sizeof(uint16_t))),
            "rearranging weights");
    }
    staging_.finish(launcher_.stream, errors_);
  }
  weight_bytes_ += planes.bytes();
  return matrix;
}

void CudaDevice::release_matrix(DeviceMatrix& matrix) noexcept {
  if (matrix.quants != 0) weight_bytes_ -= matrix_bytes(matrix.type, matrix.rows, matrix.cols);
  release(matrix.quants);
  matrix = {};
}

}  // namespace openelm::gpu::cuda
