#include "gpu/fit.h"

#include <algorithm>
#include <cstdio>

namespace openelm::gpu {
namespace {

// A session that should be possible once the weights are there: its context, in f16, and its batches.
constexpr size_t kContext = 1024, kBatch = 512;

/// Bytes of a modest session in layers [first, last].
size_t session_bytes(const ModelSource& source, size_t first) {
  size_t kv_heads = 0, widths = 0;
  for (size_t i = first; i < source.layers.size(); ++i) {
    const LayerSource& layer = source.layers[i];
    kv_heads += layer.heads.kv_heads;
    widths = std::max(widths, layer.qkv.rows + layer.attn_out.cols + 2 * layer.gate.rows);
  }
  return kContext * kv_heads * 2 * source.head_dim * 2 + kBatch * (widths + 2 * source.dim) * sizeof(float) +
         source.vocab_size * sizeof(float);
}

std::string of_device(Device& device, size_t free) {
  return bytes_text(free) + " of " + device.info().name + " are free";
}

}  // namespace

std::string bytes_text(size_t bytes) {
  char text[32];
  const double value = static_cast<double>(bytes);
  if (value >= 1e9)
    std::snprintf(text, sizeof text, "%.1f GB", value / 1e9);
  else
    std::snprintf(text, sizeof text, "%.0f MB", std::max(value / 1e6, 1.0));
  return text;
}

Status check_weights_fit(Device& device, const ModelSource& source, size_t first) {
  const size_t layers = source.layers.size(), free = device.free_bytes();
  const auto needed = [&](size_t from) {
    return weight_bytes(device, source, from) + session_bytes(source, from);
  };
  if (needed(first) <= free) return {};
  size_t fits = first;
  while (fits < layers && needed(fits) > free) ++fits;
  return Status(Code::memory, std::to_string(layers - first) + " layers need " + bytes_text(needed(first)) +
                                  " of GPU memory, " + of_device(device, free) + ": " +
                                  (fits < layers ? "--gpu-layers " + std::to_string(layers - fits) + " fits"
                                                 : "not even one layer fits"));
}

Status context_does_not_fit(Device& device, size_t sequences, size_t n_ctx, size_t position_bytes,
                            size_t rope_bytes, size_t free) {
  // A part is left for what attention needs of each position besides.
  const size_t fits = std::min((free - free / 8) / (sequences * position_bytes + rope_bytes), n_ctx - 1);
  const std::string caches = sequences == 1 ? "A kv cache" : std::to_string(sequences) + " kv caches";
  return Status(Code::memory,
                caches + " of " + std::to_string(n_ctx) + " positions " +
                    (sequences == 1 ? "needs " : "need ") + bytes_text(sequences * n_ctx * position_bytes) +
                    " of GPU memory, " + of_device(device, free) + ": " +
                    (fits > 0 ? "a context of " + std::to_string(fits) + " fits, or a smaller --gpu-layers"
                              : "use a smaller --gpu-layers"));
}

Status batch_does_not_fit(Device& device, size_t tokens, size_t bytes, size_t free) {
  return Status(Code::memory, "Batches of " + std::to_string(tokens) + " tokens need " + bytes_text(bytes) +
                                  " of GPU memory, " + of_device(device, free) +
                                  ": use a smaller batch size or a smaller --gpu-layers");
}

}  // namespace openelm::gpu
