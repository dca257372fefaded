#include "gpu/model.h"

#include <algorithm>

#include "gpu/fit.h"

namespace openelm::gpu {

DeviceModel::DeviceModel(std::shared_ptr<Device> device, std::unique_ptr<DeviceWeights> weights)
    : device_(std::move(device)),
      weights_(std::move(weights)),
      limits_{device_->small_batch(), device_->attention_tile()} {}

DeviceModel::~DeviceModel() {
  finish_quietly();
}

Result<std::shared_ptr<DeviceModel>> DeviceModel::create(std::shared_ptr<Device> device,
                                                         const ModelSource& source, size_t first) {
  if (Status status = check_weights_fit(*device, source, first); !status.ok()) return status;
  Result<std::unique_ptr<DeviceWeights>> weights = DeviceWeights::upload(*device, source, first);
  if (!weights.ok()) return weights.status;
  std::shared_ptr<DeviceModel> model(new DeviceModel(std::move(device), std::move(weights.value)));
  const size_t best = size_t{model->device_->small_batch()} * model->device_->max_top_k();
  if (Status status = model->best_.allocate(*model->device_, best * sizeof(Candidate)); !status.ok())
    return status;
  return model;
}

Status DeviceModel::check_room(size_t n_batch, KvType type, size_t n_ctx, size_t sequences) {
  const std::lock_guard lock(mutex_);
  if (Status status = make_room(n_batch, 1, 1); !status.ok()) return status;
  const size_t position_bytes = 2 * weights_->kv_heads() * kv_row_bytes(type, weights_->head_dim);
  const size_t free = device_->free_bytes();
  return sequences * n_ctx * position_bytes <= free
             ? Status()
             : context_does_not_fit(*device_, sequences, n_ctx, position_bytes,
                                    weights_->head_dim * sizeof(float), free);
}

Status DeviceModel::reserve(size_t n_batch, size_t n_ctx, const float* cos, const float* sin) {
  const std::lock_guard lock(mutex_);
  if (n_ctx > rope_.positions) {
    if (Status status = device_->synchronize(); !status.ok()) return status;
    rope_ = {};
    ++addresses_;
    const size_t bytes = n_ctx * weights_->head_dim / 2 * sizeof(float);
    if (Status status = rope_table_.allocate(*device_, 2 * bytes); !status.ok()) return status;
    device_->upload(rope_table_.at(), cos, bytes);
    device_->upload(rope_table_.at(bytes), sin, bytes);
    rope_ = {rope_table_.at(), static_cast<uint32_t>(n_ctx)};
  }
  if (Status status = make_room(n_batch, 1, n_ctx); !status.ok()) return status;
  return device_->synchronize();
}

/// Memory for passes; nothing happens when it is there.
Status DeviceModel::make_room(size_t tokens, size_t wanted, size_t n_ctx) {
  if (buffers_.holds(tokens, wanted) && n_ctx <= n_ctx_) return {};
  if (Status status = device_->synchronize(); !status.ok()) return status;
  ++addresses_;
  n_ctx = std::max(n_ctx, n_ctx_);
  const DeviceWeights& w = *weights_;
  if (Status status = buffers_.reserve(*device_, w, tokens, wanted); !status.ok()) return status;
  const size_t bytes = PassInput::most_bytes(buffers_.tokens());
  if (Status status = input_.allocate(*device_, bytes); !status.ok()) return status;
  const size_t cols = std::max({w.dim, w.max_attn(), w.max_ffn()});
  const size_t rows = std::max({cols, w.max_qkv(), w.vocab_size()});
  n_ctx_ = 0;
  if (Status status =
          device_->reserve(static_cast<uint32_t>(buffers_.tokens()), static_cast<uint32_t>(cols),
                           static_cast<uint32_t>(rows), w.largest_heads(), static_cast<uint32_t>(n_ctx));
      !status.ok())
    return status;
  n_ctx_ = n_ctx;
  return {};
}

Status DeviceModel::forward(std::span<const Segment> segments, const float* hidden, const Output& output,
                            const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  const std::vector<PassPlan> passes = plan_passes(segments, limits_);
  if (stop.load(std::memory_order_relaxed)) return Status(Code::aborted, "The evaluation was stopped");
  for (const PassPlan& plan : passes) {
    if (Status status = make_room(plan.size(), plan.wanted(), plan.max_positions); !status.ok())
      return status;
    if (Status status = run(plan, hidden, output, stop); !status.ok()) {
      finish_quietly();
      return status;
    }
  }
  return device_->synchronize();
}

Status DeviceModel::run(const PassPlan& plan, const float* hidden, const Output& output,
                        const std::atomic<bool>& stop) {
  const PassInput input(plan);
  if (!weights_->whole) upload_hidden(plan, hidden);
  const bool is_step = plan.tokens.few && !plan.shrinks && plan.size() <= limits_.small_batch;
  const uint32_t best = output.best ? output.best_count : 0;
  Status status = is_step ? run_step(plan, input, best) : run_layers(plan, input, stop);
  if (!status.ok()) return status;
  if (best > 0 && !is_step && plan.wanted() > 0)
    device_->top_k(buffers_.logits.at(), static_cast<uint32_t>(weights_->vocab_size()),
                   static_cast<uint32_t>(plan.wanted()), best, best_.at());
  download(plan, output);
  return {};
}

void DeviceModel::upload_hidden(const PassPlan& plan, const float* hidden) {
  const size_t dim = weights_->dim;
  size_t to = 0;
  for (const Rows& rows : plan.rows) {
    device_->upload(buffers_.residual.at(to * dim * sizeof(float)), hidden + rows.begin * dim,
                    rows.count * dim * sizeof(float));
    to += rows.count;
  }
}

void DeviceModel::download(const PassPlan& plan, const Output& output) {
  const size_t row_bytes = weights_->vocab_size() * sizeof(float);
  const size_t best_bytes = output.best_count * sizeof(Candidate);
  size_t from = 0;
  for (const Rows& rows : plan.logits) {
    if (output.logits)
      device_->download(output.logits + rows.begin * weights_->vocab_size(),
                        buffers_.logits.at(from * row_bytes), rows.count * row_bytes);
    if (output.best)
      device_->download(output.best + rows.begin * output.best_count, best_.at(from * best_bytes),
                        rows.count * best_bytes);
    from += rows.count;
  }
}

/// A pass of any shape. The host stays at most two layers ahead of the device where a layer takes a while, so
/// that stopping means something.
Status DeviceModel::run_layers(const PassPlan& plan, const PassInput& input, const std::atomic<bool>& stop) {
  device_->upload(input_.at(), input.bytes().data(), input.bytes().size());
  Pass pass(*device_, *weights_, buffers_, rope_, static_cast<KvType>(plan.kv_type));
  const PassTokens tokens = input.tokens(plan, input_.at());
  if (weights_->whole) pass.embed(input.ids(input_.at()), tokens.batch.tokens);
  const size_t layers = weights_->layers.size();
  uint64_t marks[2] = {};
  for (size_t i = 0; i < layers; ++i) {
    if (!tokens.few && i >= 2)
      if (Status status = device_->wait(marks[i % 2]); !status.ok()) return status;
    if (stop.load(std::memory_order_relaxed)) return Status(Code::aborted, "The evaluation was stopped");
    if (i + 1 == layers && plan.shrinks) {
      pass.layer_until_shrinking(i, tokens);
      if (plan.kept.empty()) return {};
      pass.shrink(i, plan.kept);
      const PassTokens kept = input.kept_tokens(plan, input_.at());
      pass.layer_from_shrinking(i, kept);
      pass.project(kept.batch.tokens, kept.few);
      return {};
    }
    pass.layer(i, tokens);
    if (!tokens.few) marks[i % 2] = device_->mark();
  }
  pass.project(tokens.batch.tokens, tokens.few);
  return {};
}

Status DeviceModel::run_step(const PassPlan& plan, const PassInput& input, uint32_t best) {
  Result<Step*> step = step_for(
      {static_cast<uint32_t>(plan.size()), plan.kv_type, plan.max_n_ctx, best, false, plan.tokens.apart()});
  if (!step.ok()) return step.status;
  device_->upload(step.value->input.at(), input.bytes().data(), input.bytes().size());
  replay(*step.value);
  return {};
}

/// The step of that shape, among those used lately.
Result<Step*> DeviceModel::step_for(const StepShape& shape) {
  constexpr size_t kMost = 16;
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const std::unique_ptr<Step>& step) { return step->shape == shape; });
  if (found != steps_.end()) {
    std::rotate(found, found + 1, steps_.end());
    return steps_.back().get();
  }
  auto step = std::make_unique<Step>();
  step->shape = shape;
  const size_t bytes = shape.tokens * (sizeof(BatchToken) + sizeof(int32_t));
  if (Status status = step->input.allocate(*device_, bytes); !status.ok()) return status;
  if (steps_.size() == kMost) {
    finish_quietly();
    steps_.erase(steps_.begin());
  }
  steps_.push_back(std::move(step));
  return steps_.back().get();
}

/// Enqueues a step for the input that it has.
void DeviceModel::replay(Step& step) {
  if (step.addresses != addresses_) {
    step.recording.reset();
    step.addresses = addresses_;
  }
  if (!step.recording && step.seen && records_ && device_->begin_recording()) {
    enqueue(step);
    step.recording = device_->end_recording();
    records_ = step.recording != nullptr;
  }
  step.seen = true;
  if (step.recording)
    step.recording->replay();
  else
    enqueue(step);
}

void DeviceModel::enqueue(const Step& step) {
  const StepShape& shape = step.shape;
  Pass pass(*device_, *weights_, buffers_, rope_, static_cast<KvType>(shape.kv_type));
  PassTokens tokens;
  tokens.batch.tokens = tokens.batch.single_tokens = shape.tokens;
  tokens.batch.list = step.list();
  tokens.batch.max_positions = shape.max_positions;
  tokens.apart = shape.apart;
  if (weights_->whole) pass.embed(step.ids(), shape.tokens);
  for (size_t i = 0; i < weights_->layers.size(); ++i) pass.layer(i, tokens);
  pass.project(shape.tokens, true);
  if (shape.best > 0)
    device_->top_k(buffers_.logits.at(), static_cast<uint32_t>(weights_->vocab_size()), shape.tokens,
                   shape.best, best_.at());
  if (shape.advances) device_->advance(best_.at(), shape.best, shape.tokens, step.ids(), step.list());
}

}  // namespace openelm::gpu
