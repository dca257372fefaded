#include "model/model.h"

namespace openelm {

Model::Model(ModelConfig config, const KernelTable& kernels, unsigned threads)
    : config_(std::move(config)), kernels_(kernels), pool_(threads) {}

Result<std::shared_ptr<Model>> Model::create(ModelConfig config, Source source, const KernelTable& kernels,
                                             unsigned threads) {
  if (Status status = config.check(); !status.ok()) return status;
  std::shared_ptr<Model> model(new Model(std::move(config), kernels, threads));
  Result<std::shared_ptr<const Weights>> weights =
      source.file ? Weights::from_file(model->config_, std::move(source.file), source.tensors)
                  : Weights::synthetic(model->config_, source.synthetic, model->pool_);
  if (!weights.ok()) return weights.status;
  model->weights_ = std::move(weights.value);
  model->forward_ = std::make_unique<ForwardPass>(model->config_, *model->weights_, kernels, model->pool_);
  return model;
}

Status Model::forward(std::span<const Segment> segments, float* logits, const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  return forward_->run(segments, logits, stop);
}

void Model::reserve_positions(size_t n_ctx) {
  const std::lock_guard lock(mutex_);
  forward_->reserve_positions(n_ctx);
}

}  // namespace openelm
