// Q8_0 and Q4_0 as they lie on the device: quants of a whole matrix, then its scales, so that both are read
// in aligned pieces of 16 bytes. A file has them block by block, 34 or 18 bytes each. Blocks consist of
// 2-byte units, the scale and the quants in pairs; a thread moves one unit, so that reads are contiguous and
// writes nearly so.

#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__global__ void split_planes_kernel(const uint16_t* blocks, uint64_t count, uint32_t units, uint16_t* quants,
                                    uint16_t* scales) {
  const uint64_t i = uint64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const uint64_t group = i / (units + 1);
  const uint32_t unit = static_cast<uint32_t>(i % (units + 1));
  if (unit == 0)
    scales[group] = blocks[i];
  else
    quants[group * units + unit - 1] = blocks[i];
}

}  // namespace

cudaError_t split_planes(const Launcher& on, const void* blocks, size_t groups, uint32_t units, void* quants,
                         void* scales) {
  const uint64_t count = uint64_t{groups} * (units + 1);
  Launcher plain = on;
  plain.overlap = false;
  return launch(plain, split_planes_kernel, dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)),
                kThreads, 0, static_cast<const uint16_t*>(blocks), count, units,
                static_cast<uint16_t*>(quants), static_cast<uint16_t*>(scales));
}

}  // namespace openelm::gpu::cuda
