#include "gpu/cache.h"

#include <mutex>

#include "gpu/fit.h"
#include "gpu/model.h"

namespace openelm::gpu {

GpuCache::GpuCache(std::shared_ptr<DeviceModel> model, KvType type, size_t n_ctx)
    : model_(std::move(model)),
      type_(type),
      n_ctx_(n_ctx),
      row_bytes_(kv_row_bytes(type, model_->weights().head_dim)),
      heads_(model_->weights().kv_heads()) {}

Result<std::unique_ptr<GpuCache>> GpuCache::create(std::shared_ptr<DeviceModel> model, KvType type,
                                                   size_t n_ctx) {
  std::unique_ptr<GpuCache> cache(new GpuCache(std::move(model), type, n_ctx));
  const std::lock_guard lock(cache->model_->mutex());
  Device& device = cache->model_->device();
  const size_t free = device.free_bytes(), position_bytes = 2 * cache->heads_ * cache->row_bytes_;
  const Status status = cache->memory_.allocate(device, position_bytes * n_ctx);
  if (status.code() == Code::memory) return context_does_not_fit(device, 1, n_ctx, position_bytes, 0, free);
  if (!status.ok()) return status;
  return cache;
}

GpuCache::~GpuCache() {
  const std::lock_guard lock(model_->mutex());
  model_->finish_quietly();
  memory_.free();
}

template <class Use>
void GpuCache::for_each_head(size_t layer, const Use& use) const {
  const DeviceLayer& shape = model_->weights().layers[layer];
  for (size_t i = 0; i < 2 * shape.heads.kv_heads; ++i)
    use((2 * shape.heads_before + i) * n_ctx_ * row_bytes_);
}

void GpuCache::copy_positions(const GpuCache& from, size_t n) {
  const std::lock_guard lock(model_->mutex());
  if (n == 0) return;
  for (size_t layer = 0; layer < model_->weights().layers.size(); ++layer)
    for_each_head(layer, [&](size_t offset) {
      model_->device().copy(memory_.at(offset), from.memory_.at(offset), n * row_bytes_);
    });
}

size_t GpuCache::position_bytes(size_t layer) const noexcept {
  return 2 * model_->weights().layers[layer].heads.kv_heads * row_bytes_;
}

Status GpuCache::read_positions(size_t layer, size_t n, uint8_t* out) const {
  const std::lock_guard lock(model_->mutex());
  for_each_head(layer, [&](size_t offset) {
    model_->device().download(out, memory_.at(offset), n * row_bytes_);
    out += n * row_bytes_;
  });
  return model_->device().synchronize();
}

Status GpuCache::write_positions(size_t layer, const uint8_t* in, size_t n, size_t count) {
  const std::lock_guard lock(model_->mutex());
  for_each_head(layer, [&](size_t offset) {
    model_->device().upload(memory_.at(offset), in, count * row_bytes_);
    in += n * row_bytes_;
  });
  return model_->device().synchronize();
}

}  // namespace openelm::gpu
