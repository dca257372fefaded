#include "gpu/decoder.h"

#include <cstring>

namespace openelm::gpu {

Decoder::Decoder(std::shared_ptr<DeviceModel> model, const GpuCache& cache)
    : model_(std::move(model)), cache_(cache) {
  step_.shape = {1, static_cast<uint32_t>(cache.type()), static_cast<uint32_t>(cache.n_ctx()), 1, true};
}

Result<std::unique_ptr<Decoder>> Decoder::create(std::shared_ptr<DeviceModel> model, const GpuCache& cache) {
  std::unique_ptr<Decoder> decoder(new Decoder(std::move(model), cache));
  const std::lock_guard lock(decoder->model_->mutex());
  const size_t bytes = sizeof(BatchToken) + sizeof(int32_t);
  if (Status status = decoder->step_.input.allocate(decoder->model_->device(), bytes); !status.ok())
    return status;
  return decoder;
}

Decoder::~Decoder() {
  const std::lock_guard lock(model_->mutex());
  model_->finish_quietly();
  step_.recording.reset();
  step_.input.free();
}

void Decoder::start(int32_t id, size_t position) {
  const std::lock_guard lock(model_->mutex());
  const BatchToken token{cache_.address(), static_cast<uint32_t>(cache_.n_ctx()),
                         static_cast<uint32_t>(position)};
  uint8_t input[sizeof token + sizeof id];
  std::memcpy(input, &token, sizeof token);
  std::memcpy(input + sizeof token, &id, sizeof id);
  model_->device().upload(step_.input.at(), input, sizeof input);
  taken_ = enqueued_;
  enqueue();
}

void Decoder::go_on() {
  const std::lock_guard lock(model_->mutex());
  enqueue();
}

void Decoder::enqueue() {
  Device& device = model_->device();
  model_->replay(step_);
  device.download(&results_[enqueued_ % 2], model_->best_.at(), sizeof(Candidate));
  marks_[enqueued_ % 2] = device.mark();
  ++enqueued_;
}

Result<Candidate> Decoder::take() {
  const std::lock_guard lock(model_->mutex());
  const size_t pass = taken_++ % 2;
  if (Status status = model_->device().wait(marks_[pass]); !status.ok()) return status;
  return results_[pass];
}

}  // namespace openelm::gpu
