#include "model/kv_cache.h"

#include <cstring>
#include <limits>

namespace openelm {

Result<std::unique_ptr<KvCache>> KvCache::create(const ModelConfig& config, KvType type, size_t n_ctx) {
  constexpr size_t kMaxContext = size_t{1} << 24;
  if (n_ctx < 1 || n_ctx > kMaxContext)
    return Status(Code::invalid, "Context length is out of range: " + std::to_string(n_ctx));
  if (type == KvType::q8_0 && config.head_dim % 32 != 0)
    return Status(Code::invalid, "A q8_0 kv cache needs a head_dim that is a multiple of 32");
  auto cache = std::make_unique<KvCache>();
  cache->type_ = type;
  cache->n_ctx_ = n_ctx;
  cache->row_bytes_ = kv_row_bytes(type, config.head_dim);
  uint64_t offset = 0;
  for (const uint32_t heads : config.kv_heads) {
    const uint64_t bytes = static_cast<uint64_t>(heads) * n_ctx * cache->row_bytes_;
    const uint64_t aligned = (bytes + 63) / 64 * 64;
    cache->heads_.push_back(heads);
    cache->keys_.push_back(static_cast<size_t>(offset));
    cache->values_.push_back(static_cast<size_t>(offset + aligned));
    offset += 2 * aligned;
  }
  if (offset > std::numeric_limits<size_t>::max() / 2)
    return Status(Code::memory, "The kv cache is too large");
  if (Status status = cache->memory_.reserve(static_cast<size_t>(offset)); !status.ok()) return status;
  return cache;
}

KvLayer KvCache::layer(size_t i) const noexcept {
  return {type_, n_ctx_, memory_.data() + keys_[i], memory_.data() + values_[i]};
}

void KvCache::copy_positions(const KvCache& from, size_t n) noexcept {
  for (size_t layer = 0; layer < heads_.size(); ++layer) {
    for (size_t head = 0; head < heads_[layer]; ++head) {
      for (const size_t part : {keys_[layer], values_[layer]}) {
        const size_t offset = part + head * n_ctx_ * row_bytes_;
        std::memcpy(memory_.data() + offset, from.memory_.data() + offset, n * row_bytes_);
      }
    }
  }
}

void KvCache::read_positions(size_t layer, size_t n, uint8_t* out) const noexcept {
  for (const size_t part : {keys_[layer], values_[layer]}) {
    for (size_t head = 0; head < heads_[layer]; ++head, out += n * row_bytes_)
      std::memcpy(out, memory_.data() + part + head * n_ctx_ * row_bytes_, n * row_bytes_);
  }
}

void KvCache::write_positions(size_t layer, const uint8_t* in, size_t n, size_t count) noexcept {
  for (const size_t part : {keys_[layer], values_[layer]}) {
    for (size_t head = 0; head < heads_[layer]; ++head, in += n * row_bytes_)
      std::memcpy(memory_.data() + part + head * n_ctx_ * row_bytes_, in, count * row_bytes_);
  }
}

uint8_t* KvCache::key(size_t layer, size_t head, size_t position) noexcept {
  return memory_.data() + keys_[layer] + (head * n_ctx_ + position) * row_bytes_;
}

uint8_t* KvCache::value(size_t layer, size_t head, size_t position) noexcept {
  return memory_.data() + values_[layer] + (head * n_ctx_ + position) * row_bytes_;
}

}  // namespace openelm
