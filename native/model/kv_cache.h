#pragma once

#include <memory>
#include <vector>

#include "gpu/cache.h"
#include "kernels/attention/attention.h"
#include "model/config.h"
#include "runtime/buffer.h"

namespace openelm {

/// Keys and values of one sequence, each layer sized by its own number of kv heads. The first layers, those
/// that the CPU computes, are in memory taken from the system as positions are written; the others, if any,
/// in a cache on the GPU.
class KvCache {
 public:
  /// Whether a cache can be like that.
  static Status check(const ModelConfig& config, KvType type, size_t n_ctx);
  /// Of all layers, or of the first ones; `gpu` holds the others.
  static Result<std::unique_ptr<KvCache>> create(const ModelConfig& config, KvType type, size_t n_ctx,
                                                 size_t layers, std::unique_ptr<gpu::GpuCache> gpu = nullptr);

  KvLayer layer(size_t i) const noexcept;

  /// Where the vectors of one kv head at one position go.
  uint8_t* key(size_t layer, size_t head, size_t position) noexcept;
  uint8_t* value(size_t layer, size_t head, size_t position) noexcept;

  /// Takes the first n positions from a cache of the same shape.
  void copy_positions(const KvCache& from, size_t n) noexcept;

  /// Bytes of the keys and values of one position in a layer.
  size_t position_bytes(size_t layer) const noexcept;
  /// Writes the first n positions of a layer to `out`: for each kv head its keys, then for each its values.
  Status read_positions(size_t layer, size_t n, uint8_t* out) const;
  /// Takes the first `count` of n positions that read_positions() wrote, wherever that cache's layers were.
  Status write_positions(size_t layer, const uint8_t* in, size_t n, size_t count);

  /// The part on the GPU; null when the CPU has all layers.
  const gpu::GpuCache* gpu() const noexcept { return gpu_.get(); }

  KvType type() const noexcept { return type_; }
  size_t n_ctx() const noexcept { return n_ctx_; }
  size_t bytes() const noexcept { return memory_.size() + (gpu_ ? gpu_->bytes() : 0); }

 private:
  /// Calls use(offset of a head's rows) for the keys, then the values of a layer in memory.
  template <class Use>
  void for_each_head(size_t layer, const Use& use) const {
    for (const size_t part : {keys_[layer], values_[layer]})
      for (size_t head = 0; head < heads_[layer]; ++head) use(part + head * n_ctx_ * row_bytes_);
  }

  KvType type_ = KvType::f16;
  size_t n_ctx_ = 0, row_bytes_ = 0;
  std::vector<size_t> heads_;          // of each layer
  std::vector<size_t> keys_, values_;  // offset of each layer
  Buffer memory_;
  std::unique_ptr<gpu::GpuCache> gpu_;
};

}  // namespace openelm
