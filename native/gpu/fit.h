#pragma once

// What fits into a device's memory, and errors that say so.

#include <string>

#include "gpu/weights.h"

namespace openelm::gpu {

/// Such as "1.4 GB".
std::string bytes_text(size_t bytes);

/// `memory`, with what would fit, unless the device has room for the weights of layers [first, last] and for
/// a session of modest size.
Status check_weights_fit(Device& device, const ModelSource& source, size_t first);

/// The error for kv caches of so many sequences that do not fit; position_bytes and rope_bytes: of a position
/// in a cache, and in the table that all share.
Status context_does_not_fit(Device& device, size_t sequences, size_t n_ctx, size_t position_bytes,
                            size_t rope_bytes, size_t free);

/// The error for activations that do not fit.
Status batch_does_not_fit(Device& device, size_t tokens, size_t bytes, size_t free);

}  // namespace openelm::gpu
