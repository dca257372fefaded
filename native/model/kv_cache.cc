#include "model/kv_cache.h"

#include <cstring>
#include <limits>

namespace openelm {

Status KvCache::check(const ModelConfig& config, KvType type, size_t n_ctx) {
  constexpr size_t kMaxContext = size_t{1} << 24;
  if (n_ctx < 1 || n_ctx > kMaxContext)
    return Status(Code::invalid, "Context length is out of range: " + std::to_string(n_ctx));
  if (type == KvType::q8_0 && config.head_dim % 32 != 0)
    return Status(Code::invalid, "A q8_0 kv cache needs a head_dim that is a multiple of 32");
  return {};
}

Result<std::unique_ptr<KvCache>> KvCache::create(const ModelConfig& config, KvType type, size_t n_ctx,
                                                 size_t layers, std::unique_ptr<gpu::GpuCache> gpu) {
  if (Status status = check(config, type, n_ctx); !status.ok()) return status;
  auto cache = std::make_unique<KvCache>();
  cache->type_ = type;
  cache->n_ctx_ = n_ctx;
  cache->row_bytes_ = kv_row_bytes(type, config.head_dim);
  uint64_t offset = 0;
  for (size_t layer = 0; layer < layers; ++layer) {
    const uint32_t heads = config.kv_heads[layer];
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
  cache->gpu_ = std::move(gpu);
  return cache;
}

KvLayer KvCache::layer(size_t i) const noexcept {
  return {type_, n_ctx_, memory_.data() + keys_[i], memory_.data() + values_[i]};
}

void KvCache::copy_positions(const KvCache& from, size_t n) noexcept {
  for (size_t layer = 0; layer < heads_.size(); ++layer)
    for_each_head(layer, [&](size_t offset) {
      std::memcpy(memory_.data() + offset, from.memory_.data() + offset, n * row_bytes_);
    });
  if (gpu_) gpu_->copy_positions(*from.gpu_, n);
}

size_t KvCache::position_bytes(size_t layer) const noexcept {
  if (layer >= heads_.size()) return gpu_->position_bytes(layer - heads_.size());
  return 2 * heads_[layer] * row_bytes_;
}

Status KvCache::read_positions(size_t layer, size_t n, uint8_t* out) const {
  if (layer >= heads_.size()) return gpu_->read_positions(layer - heads_.size(), n, out);
  for_each_head(layer, [&](size_t offset) {
    std::memcpy(out, memory_.data() + offset, n * row_bytes_);
    out += n * row_bytes_;
  });
  return {};
}

Status KvCache::write_positions(size_t layer, const uint8_t* in, size_t n, size_t count) {
  if (layer >= heads_.size()) return gpu_->write_positions(layer - heads_.size(), in, n, count);
  for_each_head(layer, [&](size_t offset) {
    std::memcpy(memory_.data() + offset, in, count * row_bytes_);
    in += n * row_bytes_;
  });
  return {};
}

uint8_t* KvCache::key(size_t layer, size_t head, size_t position) noexcept {
  return memory_.data() + keys_[layer] + (head * n_ctx_ + position) * row_bytes_;
}

uint8_t* KvCache::value(size_t layer, size_t head, size_t position) noexcept {
  return memory_.data() + values_[layer] + (head * n_ctx_ + position) * row_bytes_;
}

}  // namespace openelm
