#pragma once

#include "gpu/weights.h"

namespace openelm::gpu {

/// What a pass works on, [tokens][width] f32 each. Grows; addresses then change.
class Activations {
 public:
  /// Room for passes of so many tokens, of which logits are wanted for so many. `memory`, with what is needed
  /// and free, when there is not enough; nothing is there then. The device must be done with earlier passes.
  Status reserve(Device& device, const DeviceWeights& weights, size_t tokens, size_t wanted);

  bool holds(size_t tokens, size_t wanted) const noexcept { return tokens <= tokens_ && wanted <= wanted_; }

  /// Tokens there is room for.
  size_t tokens() const noexcept { return tokens_; }

  DeviceMemory residual, qkv, attn, ffn;
  DeviceMemory kept_residual, kept_qkv;  // of the tokens that stay in the last layer
  DeviceMemory logits;                   // [wanted][vocab_size]

 private:
  size_t tokens_ = 0, wanted_ = 0;
};

}  // namespace openelm::gpu
