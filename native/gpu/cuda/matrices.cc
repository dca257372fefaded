// Weights on the device: their size, and their way there from a mapped file, in chunks through pinned memory.

#include <algorithm>
#include <cstring>

#include "gpu/cuda/cuda_device.h"
#include "gpu/cuda/kernels.h"
#include "quant/blocks.h"

namespace openelm::gpu::cuda {
namespace {

/// Planes begin at multiples of this.
constexpr size_t kAlignment = 256;

struct Planes {
  bool apart;          // quants and scales lie apart
  size_t quant_bytes;  // up to where the scales begin
  size_t scale_bytes;
};

Planes planes_of(DType type, size_t rows, size_t cols) {
  const size_t bytes = rows * row_bytes(type, cols);
  if (type != DType::q8_0 && type != DType::q4_0) return {false, bytes, 0};
  const size_t scales = rows * (cols / kGroup) * sizeof(uint16_t);
  return {true, (bytes - scales + kAlignment - 1) / kAlignment * kAlignment, scales};
}

}  // namespace

size_t CudaDevice::matrix_bytes(DType type, size_t rows, size_t cols) const {
  const Planes planes = planes_of(type, rows, cols);
  return planes.quant_bytes + planes.scale_bytes;
}

Result<DeviceMatrix> CudaDevice::upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) {
  activate();
  Status ready = staging_.prepare();
  if (!ready.ok()) return ready;
  const Planes planes = planes_of(type, rows, cols);
  const Result<DevicePointer> memory = allocate(planes.quant_bytes + planes.scale_bytes);
  if (!memory.ok()) return memory.status;

  DeviceMatrix matrix;
  matrix.type = type;
  matrix.rows = static_cast<uint32_t>(rows);
  matrix.cols = static_cast<uint32_t>(cols);
  matrix.quants = memory.value;
  if (planes.apart) matrix.scales = memory.value + planes.quant_bytes;

  const size_t block = dtype_info(type).block_bytes, step = Staging::kChunk / block * block;
  const size_t bytes = rows * row_bytes(type, cols);
  for (size_t offset = 0; offset < bytes; offset += step) {
    const size_t part = std::min(step, bytes - offset);
    const Staging::Chunk chunk = staging_.begin(errors_);
    std::memcpy(chunk.host, data + offset, part);
    void* to = planes.apart ? chunk.device : reinterpret_cast<void*>(matrix.quants + offset);
    check(cudaMemcpyAsync(to, chunk.host, part, cudaMemcpyHostToDevice, launcher_.stream),
          "uploading weights");
    if (planes.apart) {
      const size_t first = offset / block, quants = block - sizeof(uint16_t);
      check(split_planes(launcher_, chunk.device, part / block, static_cast<uint32_t>(quants / 2),
                         reinterpret_cast<void*>(matrix.quants + first * quants),
                         reinterpret_cast<void*>(matrix.scales + first * sizeof(uint16_t))),
            "rearranging weights");
    }
    staging_.finish(launcher_.stream, errors_);
  }
  return matrix;
}

void CudaDevice::release_matrix(DeviceMatrix& matrix) noexcept {
  release(matrix.quants);
  matrix = {};
}

}  // namespace openelm::gpu::cuda
