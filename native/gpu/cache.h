#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/memory.h"
#include "quant/kv_type.h"

namespace openelm::gpu {

class DeviceModel;

/// Keys and values of one sequence in the layers a device holds, each layer sized by its own number of kv
/// heads (see CacheLayout). Rows are those of the CPU's cache.
class GpuCache {
 public:
  /// `memory` when the device has not enough.
  static Result<std::unique_ptr<GpuCache>> create(std::shared_ptr<DeviceModel> model, KvType type,
                                                  size_t n_ctx);
  ~GpuCache();
  GpuCache(const GpuCache&) = delete;
  GpuCache& operator=(const GpuCache&) = delete;

  DevicePointer address() const noexcept { return memory_.at(); }
  KvType type() const noexcept { return type_; }
  size_t n_ctx() const noexcept { return n_ctx_; }
  size_t bytes() const noexcept { return memory_.bytes(); }

  /// Takes the first n positions from a cache of the same shape on the same device.
  void copy_positions(const GpuCache& from, size_t n);

  /// Bytes of one position in all layers here.
  size_t position_bytes() const noexcept { return 2 * heads_ * row_bytes_; }
  /// Positions [first, first + n) to and from host memory: layer by layer keys, then values, [kv_heads][n]
  /// rows each.
  Status export_positions(size_t first, size_t n, uint8_t* to) const;
  Status import_positions(size_t first, size_t n, const uint8_t* from);

 private:
  GpuCache(std::shared_ptr<DeviceModel> model, KvType type, size_t n_ctx);
  /// Calls use(offset of the rows of positions [0, n_ctx)) for every head's keys and values, in the order of
  /// export.
  template <class Use>
  void for_each_head(const Use& use) const {
    for (size_t i = 0; i < 2 * heads_; ++i) use(i * n_ctx_ * row_bytes_);
  }

  const std::shared_ptr<DeviceModel> model_;
  const KvType type_;
  const size_t n_ctx_, row_bytes_;
  const size_t heads_;  // kv heads of all layers
  DeviceMemory memory_;
};

}  // namespace openelm::gpu
