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

  // Layers are counted from the first one here.

  /// Bytes of the keys and values of one position in a layer.
  size_t position_bytes(size_t layer) const noexcept;
  /// Writes the first n positions of a layer to `out`: for each kv head its keys, then for each its values.
  Status read_positions(size_t layer, size_t n, uint8_t* out) const;
  /// Takes the first `count` of n positions that read_positions() wrote.
  Status write_positions(size_t layer, const uint8_t* in, size_t n, size_t count);

 private:
  GpuCache(std::shared_ptr<DeviceModel> model, KvType type, size_t n_ctx);
  /// Calls use(offset of a head's rows) for a layer's keys, then its values.
  template <class Use>
  void for_each_head(size_t layer, const Use& use) const;

  const std::shared_ptr<DeviceModel> model_;
  const KvType type_;
  const size_t n_ctx_, row_bytes_;
  const size_t heads_;  // kv heads of all layers
  DeviceMemory memory_;
};

}  // namespace openelm::gpu
