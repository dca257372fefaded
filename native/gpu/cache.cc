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
  const size_t free = device.free_bytes();
  const Status status = cache->memory_.allocate(device, cache->position_bytes() * n_ctx);
  if (status.code() == Code::memory)
    return context_does_not_fit(device, 1, n_ctx, cache->position_bytes(), 0, free);
  if (!status.ok()) return status;
  return cache;
}

GpuCache::~GpuCache() {
  const std::lock_guard lock(model_->mutex());
  model_->finish_quietly();
  memory_.free();
}

void GpuCache::copy_positions(const GpuCache& from, size_t n) {
  const std::lock_guard lock(model_->mutex());
  for_each_head([&](size_t offset) {
    if (n > 0) model_->device().copy(memory_.at(offset), from.memory_.at(offset), n * row_bytes_);
  });
}

Status GpuCache::export_positions(size_t first, size_t n, uint8_t* to) const {
  const std::lock_guard lock(model_->mutex());
  for_each_head([&](size_t offset) {
    model_->device().download(to, memory_.at(offset + first * row_bytes_), n * row_bytes_);
    to += n * row_bytes_;
  });
  return model_->device().synchronize();
}

Status GpuCache::import_positions(size_t first, size_t n, const uint8_t* from) {
  const std::lock_guard lock(model_->mutex());
  for_each_head([&](size_t offset) {
    model_->device().upload(memory_.at(offset + first * row_bytes_), from, n * row_bytes_);
    from += n * row_bytes_;
  });
  return model_->device().synchronize();
}

}  // namespace openelm::gpu
