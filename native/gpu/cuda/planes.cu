// Matrices whose quants and scales lie apart on the device (bodies/matrix.h). A file has them block by block,
// 34, 18 or 210 bytes each. Blocks consist of 2-byte units, the scale and the quants in pairs; a thread moves
// one unit, so that reads are contiguous and writes nearly so.

#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__global__ void split_planes_kernel(const uint16_t* blocks, uint64_t all, uint32_t units, uint32_t scale_at,
                                    uint16_t* quants, uint16_t* scales) {
  const uint64_t i = uint64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= all) return;
  const uint64_t block = i / (units + 1);
  const uint32_t unit = static_cast<uint32_t>(i % (units + 1));
  if (unit == scale_at)
    scales[block] = blocks[i];
  else
    quants[block * units + unit - (unit > scale_at ? 1 : 0)] = blocks[i];
}

}  // namespace

cudaError_t split_planes(const Launcher& on, const void* blocks, size_t count, uint32_t units,
                         uint32_t scale_at, void* quants, void* scales) {
  const uint64_t all = uint64_t{count} * (units + 1);
  Launcher plain = on;
  plain.overlap = false;
  return launch(plain, split_planes_kernel, dim3(static_cast<unsigned>((all + kThreads - 1) / kThreads)),
                kThreads, 0, static_cast<const uint16_t*>(blocks), all, units, scale_at,
                static_cast<uint16_t*>(quants), static_cast<uint16_t*>(scales));
}

}  // namespace openelm::gpu::cuda
