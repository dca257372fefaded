#pragma once

// An NVIDIA GPU as a Device: one stream, memory, marks and recorded graphs. Its ops choose kernels and launch
// them; the kernels are declared in kernels.h, gemm.h and prefill_attention.h.

#include <cuda_runtime_api.h>

#include <deque>

#include "gpu/chain.h"
#include "gpu/cuda/errors.h"
#include "gpu/cuda/gemm.h"
#include "gpu/cuda/launch.h"
#include "gpu/cuda/staging.h"
#include "gpu/device.h"

namespace openelm::gpu::cuda {

/// What launches depend on.
struct Chip {
  int index = 0;
  int major = 0;        // compute capability
  bool chains = false;  // whether there may be any: blocks of a launch can be had to run all at once
  uint32_t multiprocessors = 0;
  size_t shared_bytes = 0;  // a block may have
  size_t l2_bytes = 0;
};

class CudaDevice final : public Device {
 public:
  /// Takes over the stream.
  CudaDevice(const Chip& chip, DeviceInfo info, cudaStream_t stream);
  ~CudaDevice() override;
  /// Raises the kernels' limits of shared memory and takes what every op may need. Once, before anything
  /// else.
  Status prepare_kernels();

  const DeviceInfo& info() const noexcept override { return info_; }
  Result<DevicePointer> allocate(size_t bytes) override;
  void release(DevicePointer memory) noexcept override;
  void upload(DevicePointer to, const void* from, size_t bytes) override;
  void download(void* to, DevicePointer from, size_t bytes) override;
  void copy(DevicePointer to, DevicePointer from, size_t bytes) override;
  Status synchronize() override;
  uint64_t mark() override;
  Status wait(uint64_t mark) override;
  size_t free_bytes() override;

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
  uint32_t max_top_k() const noexcept override;
  uint32_t attention_tile() const noexcept override;

  bool begin_recording() override;
  std::unique_ptr<Recording> end_recording() override;

  size_t matrix_bytes(DType type, size_t rows, size_t cols) const override;
  Result<DeviceMatrix> upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) override;
  void release_matrix(DeviceMatrix& matrix) noexcept override;
  Status reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                 uint32_t n_ctx) override;

 private:
  class Graph;
  /// Device memory that grows when more is reserved.
  struct Scratch {
    void* data = nullptr;
    size_t bytes = 0;
  };
  /// A result on its way: the GPU copies into pinned memory, and who waits moves it to where it belongs.
  struct Arrival {
    void* to;
    const uint8_t* from;
    size_t bytes;
    uint64_t mark;  // the first mark behind it
  };

  static constexpr size_t kMarks = 64;
  static constexpr size_t kArrivalBytes = size_t{4} << 20;
  /// Weights of which a step as a chain is quicker than kernels one by one (docs/gpu.md has the figures).
  static constexpr size_t kChainsFrom = size_t{2} << 30;

  /// Makes this GPU the calling thread's.
  void activate() noexcept;
  /// Before an op that is launched by itself: what a chain has gathered goes first.
  void start_op();
  /// Whether the op that `add` adds goes into a chain. add(): Chain's.
  template <class Add>
  bool chained(uint32_t tokens, Add add);
  void launch_gathered();
  /// Keeps an op's error.
  void check(cudaError_t error, const char* op) { (void)errors_.keep(error, op); }
  /// Memory for a product on tensor cores, of what reserve() took.
  GemmWorkspace workspace() const;
  Status grow(Scratch& scratch, size_t bytes);
  /// Pinned memory for a result of at most kArrivalBytes, a ring; waits when it is full.
  uint8_t* place_arrival(size_t bytes);
  /// Moves results that came before the mark to their places.
  void deliver(uint64_t mark);

  Chip chip_;
  DeviceInfo info_;
  Launcher launcher_;
  ErrorKeeper errors_;
  Staging staging_;
  Scratch attention_, counters_, meetings_, selection_, activations_, weights_;
  Chain chain_;  // ops of a pass that is being recorded
  cudaEvent_t marks_[kMarks] = {};
  uint64_t next_mark_ = 0;
  uint8_t* arrivals_memory_ = nullptr;  // pinned, [kArrivalBytes]
  size_t arrivals_end_ = 0;
  std::deque<Arrival> arrivals_;
  bool recording_ = false;
  size_t weight_bytes_ = 0;        // of matrices on the device
  size_t chains_from_ = SIZE_MAX;  // so many of them: recorded steps of one token are chains
  size_t first_tile_ = 0;          // see prepare_gemm
};

}  // namespace openelm::gpu::cuda
