#include "gpu/cuda/staging.h"

namespace openelm::gpu::cuda {

Status Staging::prepare() {
  if (chunks_[1].device != nullptr) return {};
  for (int i = 0; i < 2; ++i) {
    void *host = nullptr, *device = nullptr;
    cudaError_t error = cudaMallocHost(&host, kChunk);
    chunks_[i].host = static_cast<uint8_t*>(host);
    if (error == cudaSuccess) error = cudaEventCreateWithFlags(&done_[i], cudaEventDisableTiming);
    if (error == cudaSuccess) error = cudaMalloc(&device, kChunk);
    chunks_[i].device = static_cast<uint8_t*>(device);
    if (error == cudaSuccess) continue;
    free();
    (void)cudaGetLastError();
    return Status(error == cudaErrorMemoryAllocation ? Code::memory : Code::device,
                  "cannot take " + std::to_string(kChunk >> 20) +
                      " MiB of host and GPU memory for uploads: " + cudaGetErrorString(error));
  }
  return {};
}

void Staging::free() noexcept {
  for (int i = 0; i < 2; ++i) {
    if (chunks_[i].device != nullptr) (void)cudaFree(chunks_[i].device);
    if (chunks_[i].host != nullptr) (void)cudaFreeHost(chunks_[i].host);
    if (done_[i] != nullptr) (void)cudaEventDestroy(done_[i]);
    chunks_[i] = {};
    done_[i] = nullptr;
  }
}

Staging::Chunk Staging::begin(ErrorKeeper& errors) {
  errors.keep(cudaEventSynchronize(done_[next_]), "waiting for an upload");
  return chunks_[next_];
}

void Staging::finish(cudaStream_t stream, ErrorKeeper& errors) {
  errors.keep(cudaEventRecord(done_[next_], stream), "uploading");
  next_ ^= 1;
}

}  // namespace openelm::gpu::cuda
