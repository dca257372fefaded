#pragma once

#include <memory>
#include <vector>

#include "kernels/attention/attention.h"
#include "model/config.h"
#include "runtime/buffer.h"

namespace openelm {

/// Keys and values of one sequence, each layer sized by its own number of kv heads. Memory is taken from the
/// system as positions are written.
class KvCache {
 public:
  static Result<std::unique_ptr<KvCache>> create(const ModelConfig& config, KvType type, size_t n_ctx);

  KvLayer layer(size_t i) const noexcept;

  /// Where the vectors of one kv head at one position go.
  uint8_t* key(size_t layer, size_t head, size_t position) noexcept;
  uint8_t* value(size_t layer, size_t head, size_t position) noexcept;

  /// Takes the first n positions from a cache of the same shape.
  void copy_positions(const KvCache& from, size_t n) noexcept;

  /// Bytes of the keys and values of one position in a layer.
  size_t position_bytes(size_t layer) const noexcept { return 2 * heads_[layer] * row_bytes_; }

  /// Writes the first n positions of a layer to `out`: for each kv head its keys, then for each its values.
  void read_positions(size_t layer, size_t n, uint8_t* out) const noexcept;

  /// Takes the first `count` of n positions that read_positions() wrote.
  void write_positions(size_t layer, const uint8_t* in, size_t n, size_t count) noexcept;

  KvType type() const noexcept { return type_; }
  size_t n_ctx() const noexcept { return n_ctx_; }
  size_t bytes() const noexcept { return memory_.size(); }

 private:
  KvType type_ = KvType::f16;
  size_t n_ctx_ = 0, row_bytes_ = 0;
  std::vector<size_t> heads_;          // of each layer
  std::vector<size_t> keys_, values_;  // offset of each layer
  Buffer memory_;
};

}  // namespace openelm
