#pragma once

// A device of real threads that runs the kernel bodies, for tests: the same forward pass as on a GPU, without
// one.

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "gpu/bodies/arguments.h"
#include "gpu/device.h"
#include "gpu/host/host_chain.h"
#include "gpu/host/threads.h"

namespace openelm::gpu::host {

struct HostOptions {
  uint32_t teams = 1, team_size = 1;      // of every group; team_size a power of two, at most 32
  uint32_t attention_teams = 0;           // of a group for attention, a divisor of teams; 0: all
  uint32_t groups = 3;                    // that share the rows of a product with few tokens
  uint32_t shared_bytes = 48 * 1024;      // of a group
  size_t memory_bytes = size_t{1} << 30;  // that can be allocated
  bool record_chains = true;              // what is recorded becomes chains where it can
  std::optional<ChainRunner> chains;      // run by others than its own threads
};

/// Runs what is enqueued at once; what is recorded of a single token, as chains where it can. Fresh memory is
/// filled with NaN.
class HostDevice final : public Device {
 public:
  explicit HostDevice(const HostOptions& options = {});
  ~HostDevice() override;

  const DeviceInfo& info() const noexcept override { return info_; }
  Result<DevicePointer> allocate(size_t bytes) override;
  void release(DevicePointer memory) noexcept override;
  void upload(DevicePointer to, const void* from, size_t bytes) override;
  void download(void* to, DevicePointer from, size_t bytes) override;
  void copy(DevicePointer to, DevicePointer from, size_t bytes) override;
  Status synchronize() override;
  size_t free_bytes() override { return options_.memory_bytes - used_; }

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

  uint32_t small_batch() const noexcept override { return 8; }
  uint32_t max_top_k() const noexcept override { return kMaxTopK; }
  uint32_t attention_tile() const noexcept override { return kAttentionTile; }

  bool begin_recording() override;
  std::unique_ptr<Recording> end_recording() override;

  size_t matrix_bytes(DType type, size_t rows, size_t cols) const override;
  Result<DeviceMatrix> upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) override;
  void release_matrix(DeviceMatrix& matrix) noexcept override;
  Status reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                 uint32_t n_ctx) override;

 private:
  using Work = std::function<void()>;

  /// Does it now, or keeps it while recording.
  void enqueue(Work work);
  /// Whether an op goes into a chain; otherwise what was gathered before is enqueued.
  template <class Add>
  bool chained(uint32_t tokens, Add add);
  void enqueue_gathered();
  /// Enqueues a kernel of so many groups; body(group, index, shared memory).
  template <class Body>
  void launch(uint32_t groups, uint32_t shared_bytes, Body body);
  template <class Body>
  void launch_on(Threads& threads, uint32_t groups, uint32_t shared_bytes, Body body);
  AttentionArgs attention_args(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                               const CacheLayout& cache, DevicePointer out);
  /// Attention of so many single tokens, their heads finished or not.
  template <class Heads>
  void attend_singles(Heads heads, uint32_t tokens);
  template <class Block, uint32_t Tokens>
  void few_tokens(MatvecArgs args);
  template <class Block, uint32_t Tokens>
  void few_tokens(GatedMatvecArgs args);
  template <class Block>
  void many_tokens(const MatmulArgs& args);
  /// x, or its norm in scratch memory.
  DevicePointer normalized(DevicePointer x, DevicePointer norm, float eps, uint32_t cols, uint32_t n);
  /// Scratch memory of at least that size; keeps an error when reserve() was not asked for as much.
  DevicePointer scratch(DevicePointer memory, size_t bytes);
  Status grow(DevicePointer& memory, size_t bytes);
  void fail(const char* what);

  HostOptions options_;
  DeviceInfo info_;
  Threads threads_, attention_threads_;
  std::vector<uint64_t> shared_;
  std::unordered_map<DevicePointer, size_t> sizes_;
  size_t used_ = 0;
  Status error_;
  bool recording_ = false;
  std::vector<Work> recorded_;
  Chain chain_;
  ChainGroups chain_groups_;
  std::vector<uint32_t> meetings_, counters_;
  // Scratch: normalized activations, the second half of a gated product, partial results.
  DevicePointer normalized_ = 0, products_ = 0, chunks_ = 0, candidates_ = 0;
};

}  // namespace openelm::gpu::host
