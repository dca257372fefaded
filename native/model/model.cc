#include "model/model.h"

#include <algorithm>
#include <numeric>

#include "model/device_source.h"

namespace openelm {

Model::Model(ModelConfig config, const KernelTable& kernels, unsigned threads)
    : config_(std::move(config)), kernels_(kernels), pool_(threads) {}

Result<std::shared_ptr<Model>> Model::create(ModelConfig config, Source source, const KernelTable& kernels,
                                             unsigned threads, const Offload& offload) {
  if (Status status = config.check(); !status.ok()) return status;
  std::shared_ptr<Model> model(new Model(std::move(config), kernels, threads));
  Result<std::shared_ptr<const Weights>> weights =
      source.file.map ? Weights::from_file(model->config_, std::move(source.file), source.tensors)
                      : Weights::synthetic(model->config_, source.synthetic, model->pool_);
  if (!weights.ok()) return weights.status;
  model->weights_ = std::move(weights.value);
  if (Status status = model->place_layers(offload); !status.ok()) return status;
  return model;
}

Status Model::place_layers(const Offload& offload) {
  const size_t layers = config_.layers();
  cpu_layers_ = offload.device ? layers - std::min(offload.layers, layers) : layers;
  if (cpu_layers_ < layers) {
    Result<std::shared_ptr<gpu::DeviceModel>> device =
        gpu::DeviceModel::create(offload.device, device_source(config_, *weights_), cpu_layers_);
    if (!device.ok()) return device.status;
    device_ = std::move(device.value);
  }
  if (cpu_layers_ > 0)
    forward_ = std::make_unique<ForwardPass>(config_, *weights_, kernels_, pool_, cpu_layers_);
  return {};
}

Status Model::forward(std::span<const Segment> segments, const gpu::Output& output,
                      const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  if (!device_) return forward_->run(segments, output.logits, stop);
  if (forward_)
    if (Status status = forward_->run(segments, nullptr, stop); !status.ok()) return status;
  device_segments_.clear();
  for (const Segment& segment : segments)
    device_segments_.push_back(
        {segment.kv->gpu(), segment.first_pos, segment.tokens, segment.logits, segment.kernel_tokens});
  return device_->forward(device_segments_, forward_ ? forward_->hidden() : nullptr, output, stop);
}

Result<std::unique_ptr<KvCache>> Model::create_cache(KvType type, size_t n_ctx) {
  if (!device_) return KvCache::create(config_, type, n_ctx, cpu_layers_);
  Result<std::unique_ptr<gpu::GpuCache>> gpu = gpu::GpuCache::create(device_, type, n_ctx);
  if (!gpu.ok()) return gpu.status;
  return KvCache::create(config_, type, n_ctx, cpu_layers_, std::move(gpu.value));
}

Status Model::reserve(KvType type, size_t n_ctx, size_t n_batch, size_t sequences) {
  if (Status status = KvCache::check(config_, type, n_ctx); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (device_)
    if (Status status = device_->check_room(n_batch, type, n_ctx, sequences); !status.ok()) return status;
  if (!rope_ || rope_->positions() < n_ctx)
    rope_ = std::make_unique<RopeTable>(config_.rope_base, config_.head_dim, n_ctx);
  if (forward_) forward_->use_angles(*rope_);
  return device_ ? device_->reserve(n_batch, n_ctx, rope_->cos(0), rope_->sin(0)) : Status();
}

bool Model::int8_activations() const {
  constexpr size_t kPrompt = 512;
  return forward_ && forward_->carries(Activations::i8, kPrompt);
}

bool Model::same_kernels(size_t a, size_t b) const {
  return (!forward_ || forward_->same_kernels(a, b)) && (!device_ || device_->same_kernels(a, b));
}

size_t Model::attention_tile() const noexcept {
  const size_t tile = forward_ ? kernels_.attention.token_tile : 1;
  return device_ ? std::lcm(tile, size_t{device_->device().attention_tile()}) : tile;
}

}  // namespace openelm
