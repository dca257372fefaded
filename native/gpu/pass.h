#pragma once

// The ops of a forward pass, in order, on a device (OpenELM, arXiv 2404.14619, 2). They are enqueued, not
// run.

#include "gpu/activations.h"
#include "gpu/plan.h"
#include "quant/kv_type.h"

namespace openelm::gpu {

/// cos, then sin of RoPE's angles, [2][positions][head_dim / 2].
struct RopeAddress {
  DevicePointer table = 0;
  uint32_t positions = 0;
};

/// Tokens of a pass on the device.
struct PassTokens {
  DeviceBatch batch;
  bool few = true;
  bool apart = false;  // at most small_batch() single tokens, no two of which share a cache
};

/// One pass through the layers that the device holds.
class Pass {
 public:
  Pass(Device& device, const DeviceWeights& weights, const Activations& buffers, const RopeAddress& rope,
       KvType kv_type);

  /// residual = the embedding of ids.
  void embed(DevicePointer ids, uint32_t n);

  /// Layer i for tokens whose residual is there; the last layer of a pass that shrinks is in two parts.
  void layer(size_t i, const PassTokens& tokens);
  void layer_until_shrinking(size_t i, const PassTokens& tokens);
  void shrink(size_t i, std::span<const Rows> kept);
  void layer_from_shrinking(size_t i, const PassTokens& tokens);

  /// Logits of the first n rows of the residual.
  void project(uint32_t n, bool few);

 private:
  /// An op's calls: of few tokens at a time, or of many at least.
  void multiply(const DeviceMatrix& w, DevicePointer x, uint32_t n, bool few, DevicePointer norm,
                DevicePointer y, Store store);
  void attend(const DeviceLayer& layer, const PassTokens& tokens);
  /// What follows attention.
  void feed_forward(const DeviceLayer& layer, const PassTokens& tokens);
  CacheLayout cache_of(const DeviceLayer& layer) const;

  Device& device_;
  const DeviceWeights& weights_;
  const Activations& buffers_;
  const RopeAddress rope_;
  const KvType kv_type_;
  const uint32_t small_batch_;
  DevicePointer residual_, qkv_;  // those of the tokens kept, once it has shrunk
};

}  // namespace openelm::gpu
