#pragma once

// What a GPU can do for the model: memory, and the ops of the forward pass as calls that enqueue work and
// return at once. CUDA and Metal implement it, and so does a host device in which real threads play the
// groups of a GPU and which runs the same kernel bodies under the tests. gpu/model.h, written once, is the
// forward pass over it.
//
// Work runs in the order in which it was enqueued. Errors of enqueued work are kept by the device and come
// out of the next synchronize(), so that the forward pass reads as the list of ops that it is.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gpu/types.h"
#include "quant/dtype.h"
#include "runtime/status.h"

namespace openelm::gpu {

/// An address in the device's memory.
using DevicePointer = uint64_t;

/// A weight matrix on the device in the device's layout (see bodies/matrix.h): quantized as in the file,
/// scales and quants apart so that both are aligned.
struct DeviceMatrix {
  DType type = DType::f32;
  uint32_t rows = 0, cols = 0;
  DevicePointer quants = 0;
  DevicePointer scales = 0;  // of types that keep theirs apart
};

/// Heads of one layer.
struct HeadShape {
  uint32_t heads, kv_heads, head_dim;
};

struct DeviceInfo {
  std::string name;     // such as "NVIDIA H100 80GB HBM3"
  std::string details;  // such as "compute capability 9.0, driver 13.0"
  size_t total_bytes = 0, free_bytes = 0;
};

/// Which device is opened, and how.
struct DeviceOptions {
  int index = 0;       // of those that a backend lists
  bool chains = true;  // whether ops may be computed as chains (chain.h), where the device has them
};

/// How a batch goes into y.
enum class Store { set, add };

/// The tokens of a pass, on the device.
struct DeviceBatch {
  uint32_t tokens = 0;
  DevicePointer list = 0;   // BatchToken[tokens]
  DevicePointer tiles = 0;  // AttentionTile[tile_count], of the runs with several tokens
  uint32_t tile_count = 0;
  /// Tokens that attend one by one come first: [0, single_tokens); those in tiles follow. attention() gets at
  /// most small_batch() single ones in a call.
  uint32_t single_tokens = 0;
  /// At most so many positions are attended to; for sizing grids. Within a captured pass it is n_ctx.
  uint32_t max_positions = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceInfo& info() const noexcept = 0;

  // Memory. allocate() fails with `memory`, naming the bytes asked for and those free.
  virtual Result<DevicePointer> allocate(size_t bytes) = 0;
  virtual void release(DevicePointer memory) noexcept = 0;
  /// Enqueues copies; host memory may be reused when upload returns, and is filled after synchronize().
  virtual void upload(DevicePointer to, const void* from, size_t bytes) = 0;
  virtual void download(void* to, DevicePointer from, size_t bytes) = 0;
  virtual void copy(DevicePointer to, DevicePointer from, size_t bytes) = 0;
  /// Waits for all that was enqueued; the first error since the last call.
  virtual Status synchronize() = 0;

  /// A mark after what has been enqueued so far, and waiting for it alone, so that work behind it may go on
  /// (a CUDA event). Downloads enqueued before the mark have arrived then; download() itself must not wait.
  /// Of each device at most 64 marks are waited for at a time; waiting for one again returns at once.
  virtual uint64_t mark() { return 0; }
  virtual Status wait(uint64_t /*mark*/) { return synchronize(); }

  /// Free memory now; info() has that at the start.
  virtual size_t free_bytes() { return info().free_bytes; }

  // Ops. n is a number of tokens; activations are f32, row-major, [n][width] without gaps between rows
  // unless a leading dimension is given.

  /// x[t] = row ids[t] of the table. [n][cols]
  virtual void embed(const DeviceMatrix& table, DevicePointer ids, uint32_t n, DevicePointer x) = 0;

  /// y = rms_norm(x) · weight over rows of `dim`.
  virtual void rms_norm(DevicePointer x, DevicePointer weight, float eps, uint32_t dim, uint32_t n,
                        DevicePointer y) = 0;

  /// y (=|+=) x · Wᵀ, [n][w.rows], y's rows ldy apart. `norm`: 0, or the weight of an RMS norm over x that is
  /// applied first (eps then counts). For n <= small_batch() kernels for few tokens run; above, kernels for
  /// many (matrix units). With either, the result for a token does not depend on the others (which may be
  /// NaN: a few tokens that want the kernels for many are filled up with whatever is in memory) nor on n.
  virtual void matmul(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer norm, float eps,
                      DevicePointer y, uint32_t ldy, Store store) = 0;

  /// y = swiglu(gate · x', up · x'), x' = rms_norm(x) · norm. [n][gate.rows]
  virtual void gated_matmul(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, uint32_t n,
                            DevicePointer norm, float eps, DevicePointer y) = 0;

  /// qkv: [n][(heads + 2 kv_heads) · head_dim]. Norms and rotates query heads in place, and key heads on
  /// their way to the cache; stores values. rope: cos then sin, [2][positions][head_dim/2] with
  /// rope_positions rows.
  virtual void finish_heads(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                            DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                            const DeviceBatch& batch, const CacheLayout& cache) = 0;

  /// out[t][h] = softmax(q · Kᵀ / √head_dim) · V for all query heads; q are the first heads of rows of qkv.
  /// Results for a single token do not depend on what else is in the batch, nor those of a tile. What lies in
  /// the cache behind the positions attended to is undefined (NaN too): it must not be multiplied by 0.
  virtual void attention(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                         const CacheLayout& cache, DevicePointer out) = 0;

  /// finish_heads and attention, for single tokens of which no two share a cache, at most small_batch() of
  /// them: a decoded token of each sequence. The same bits in the cache and in out; what is in qkv then is
  /// undefined.
  virtual void fresh_attention(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                               DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                               const DeviceBatch& batch, const CacheLayout& cache, DevicePointer out) {
    finish_heads(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache);
    attention(qkv, shape, batch, cache, out);
  }

  /// out[t][0..k) = the k largest of logits[t][0..vocab), largest first, smaller id first among equals; NaN
  /// never: behind the last of them, and for a row without any, ids are -1. k <= max_top_k(),
  /// n <= small_batch().
  virtual void top_k(DevicePointer logits, uint32_t vocab, uint32_t n, uint32_t k, DevicePointer out) = 0;

  /// The next pass continues the n sequences of a batch of single tokens: ids[t] = best[t * k].id (0
  /// for -1) and list[t].position += 1.
  virtual void advance(DevicePointer best, uint32_t k, uint32_t n, DevicePointer ids, DevicePointer list) = 0;

  /// Most tokens for which the kernels for few tokens are used.
  virtual uint32_t small_batch() const noexcept = 0;
  virtual uint32_t max_top_k() const noexcept = 0;
  /// Tokens of an attention tile, at most.
  virtual uint32_t attention_tile() const noexcept = 0;

  // Recording: what is enqueued between begin and end is not run but kept, to be replayed with one call (a
  // CUDA graph). Devices without it return false from begin_recording; the pass is then enqueued each time.
  class Recording {
   public:
    virtual ~Recording() = default;
    virtual void replay() = 0;
  };
  virtual bool begin_recording() { return false; }
  virtual std::unique_ptr<Recording> end_recording() { return nullptr; }

  /// Bytes a matrix takes on this device, and its upload; rows and cols as in the file.
  virtual size_t matrix_bytes(DType type, size_t rows, size_t cols) const = 0;
  virtual Result<DeviceMatrix> upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) = 0;
  virtual void release_matrix(DeviceMatrix& matrix) noexcept = 0;

  /// Working memory the ops need for batches of n tokens with these widths is taken here, so that no op
  /// allocates. `memory` when there is not enough.
  virtual Status reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                         uint32_t n_ctx) = 0;
};

}  // namespace openelm::gpu
