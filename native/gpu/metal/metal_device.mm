// A MetalDevice's memory; its ops are in ops.mm.

#include "gpu/metal/metal_device.h"

#include <cstring>
#include <utility>

#include "gpu/planes.h"

namespace openelm::gpu::metal {

MetalDevice::MetalDevice(id<MTLDevice> device, id<MTLCommandQueue> queue, DeviceInfo info)
    : info_(std::move(info)),
      buffers_(device),
      library_(device),
      stream_(device, queue, buffers_, library_) {}

MetalDevice::~MetalDevice() {
  (void)synchronize();
}

Status MetalDevice::prepare() {
  Status status = library_.compile();
  if (status.ok() && library_.has_bf16_matrices()) info_.details += ", bf16 matrices";
  return status;
}

void MetalDevice::release(DevicePointer memory) noexcept {
  if (memory == 0) return;
  id<MTLBuffer> buffer = buffers_.remove(memory);
  if (buffer == nil) return stream_.fail(Status(Code::internal, "GPU memory given back that was not taken"));
  stream_.keep(buffer);
}

Status MetalDevice::grow(Scratch& scratch, size_t bytes) {
  if (bytes <= scratch.bytes) return {};
  const Result<DevicePointer> memory = allocate(bytes);
  if (!memory.ok()) return memory.status;
  release(scratch.data);
  scratch = {memory.value, bytes};
  return {};
}

DevicePointer MetalDevice::need(Scratch& scratch, size_t bytes) {
  Status status = grow(scratch, bytes);
  if (status.ok()) return scratch.data;
  stream_.fail(std::move(status));
  return 0;
}

size_t MetalDevice::matrix_bytes(DType type, size_t rows, size_t cols) const {
  return planes_of(type, rows, cols).bytes();
}

// Matrices are copied even where the device's layout is the file's: who uploads may close the file then, and
// its pages are the system's to drop.
Result<DeviceMatrix> MetalDevice::upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) {
  const Planes planes = planes_of(type, rows, cols);
  const size_t bytes = planes.bytes();
  const Result<DevicePointer> memory = allocate(bytes);
  if (!memory.ok()) return memory.status;

  const DeviceMatrix matrix = matrix_at(memory.value, planes, type, rows, cols);
  // The GPU knows nothing of this memory yet, so the CPU may write to it at once.
  uint8_t* quants = buffers_.contents(memory.value, bytes);
  if (!planes.apart.is) {
    std::memcpy(quants, data, bytes);
    return matrix;
  }
  take_apart(planes.apart, data, planes.blocks, quants, quants + planes.quant_bytes);
  return matrix;
}

void MetalDevice::release_matrix(DeviceMatrix& matrix) noexcept {
  release(matrix.quants);
  matrix = {};
}

}  // namespace openelm::gpu::metal
