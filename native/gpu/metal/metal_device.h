#pragma once

// An Apple GPU as a Device. Its ops choose entry points and launch them; memory is shared with the CPU.

#import <Metal/Metal.h>

#include <memory>

#include "gpu/bodies/arguments.h"
#include "gpu/device.h"
#include "gpu/metal/buffers.h"
#include "gpu/metal/library.h"
#include "gpu/metal/stream.h"

namespace openelm::gpu::metal {

class API_AVAILABLE(macos(13.0)) MetalDevice final : public Device {
 public:
  MetalDevice(id<MTLDevice> device, id<MTLCommandQueue> queue, DeviceInfo info);
  ~MetalDevice() override;
  /// Compiles the kernels. Once, before anything else.
  Status prepare();

  const DeviceInfo& info() const noexcept override { return info_; }
  Result<DevicePointer> allocate(size_t bytes) override { return buffers_.allocate(bytes); }
  void release(DevicePointer memory) noexcept override;
  void upload(DevicePointer to, const void* from, size_t bytes) override { stream_.upload(to, from, bytes); }
  void download(void* to, DevicePointer from, size_t bytes) override { stream_.download(to, from, bytes); }
  void copy(DevicePointer to, DevicePointer from, size_t bytes) override { stream_.copy(to, from, bytes); }
  Status synchronize() override { return stream_.wait(stream_.commit()); }
  uint64_t mark() override { return stream_.commit(); }
  Status wait(uint64_t mark) override { return stream_.wait(mark); }
  size_t free_bytes() override { return buffers_.free_bytes(); }

  void embed(const DeviceMatrix& table, DevicePointer ids, uint32_t n, DevicePointer x) override;
  void rms_norm(DevicePointer x, DevicePointer weight, float eps, uint32_t dim, uint32_t n,
                DevicePointer y) override;
  void matmul(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer norm, float eps,
              DevicePointer y, uint32_t ldy, Store store) override;
  void gated_matmul(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, uint32_t n,
                    DevicePointer norm, float eps, DevicePointer y) override;
  void finish_heads(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm, DevicePointer k_norm,
                    float eps, DevicePointer rope, uint32_t rope_positions, const DeviceBatch& batch,
                    const CacheLayout& cache) override;
  void attention(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                 const CacheLayout& cache, DevicePointer out) override;
  void fresh_attention(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm, DevicePointer k_norm,
                       float eps, DevicePointer rope, uint32_t rope_positions, const DeviceBatch& batch,
                       const CacheLayout& cache, DevicePointer out) override;
  void top_k(DevicePointer logits, uint32_t vocab, uint32_t n, uint32_t k, DevicePointer out) override;
  void advance(DevicePointer best, uint32_t k, uint32_t n, DevicePointer ids, DevicePointer list) override;

  uint32_t small_batch() const noexcept override;
  uint32_t max_top_k() const noexcept override { return kMaxTopK; }
  uint32_t attention_tile() const noexcept override { return kAttentionTile; }

  size_t matrix_bytes(DType type, size_t rows, size_t cols) const override;
  Result<DeviceMatrix> upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) override;
  void release_matrix(DeviceMatrix& matrix) noexcept override;
  Status reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                 uint32_t n_ctx) override;

 private:
  /// Working memory of an op, which grows when more is reserved.
  struct Scratch {
    DevicePointer data = 0;
    size_t bytes = 0;
  };

  Status grow(Scratch& scratch, size_t bytes);
  /// The working memory, or 0 and a failure of the stream when what the op needs cannot be had.
  DevicePointer need(Scratch& scratch, size_t bytes);
  AttentionArgs attention_args(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                               const CacheLayout& cache, DevicePointer out);
  template <class Args>
  void attend_singles(const char* op, const AttentionArgs& of, uint32_t tokens, const Args& args);
  void many(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer y, uint32_t ldy, Store store);

  DeviceInfo info_;
  Buffers buffers_;
  Library library_;
  Stream stream_;
  Scratch normed_, up_, partials_, selection_;
};

}  // namespace openelm::gpu::metal
