#include "gpu/activations.h"

#include <algorithm>

#include "gpu/fit.h"

namespace openelm::gpu {

Status Activations::reserve(Device& device, const DeviceWeights& weights, size_t tokens, size_t wanted) {
  // Where few tokens want the kernels for many, the batch is filled up to what those take at least.
  const size_t least = device.small_batch() + 1;
  tokens = std::max({tokens, tokens_, least});
  wanted = std::max({wanted, wanted_, least});
  tokens_ = wanted_ = 0;
  const std::pair<DeviceMemory*, size_t> buffers[] = {
      {&residual, tokens * weights.dim},        {&qkv, tokens * weights.max_qkv()},
      {&attn, tokens * weights.max_attn()},     {&ffn, tokens * weights.max_ffn()},
      {&kept_residual, wanted * weights.dim},   {&kept_qkv, wanted * weights.max_qkv()},
      {&logits, wanted * weights.vocab_size()},
  };
  size_t bytes = 0;
  for (const auto& [buffer, floats] : buffers) {
    buffer->free();
    bytes += floats * sizeof(float);
  }
  const size_t free = device.free_bytes();
  for (const auto& [buffer, floats] : buffers) {
    const Status status = buffer->allocate(device, floats * sizeof(float));
    if (status.code() == Code::memory) return batch_does_not_fit(device, tokens, bytes, free);
    if (!status.ok()) return status;
  }
  tokens_ = tokens;
  wanted_ = wanted;
  return {};
}

}  // namespace openelm::gpu
