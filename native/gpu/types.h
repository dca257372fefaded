#pragma once

// What host and device exchange. Plain structs that CUDA C++, the Metal Shading Language and the host's
// compiler lay out alike: 4- and 8-byte members, ordered so that no padding arises.

#include "gpu/compat.h"

namespace openelm {
namespace gpu {

/// One token of a batch, in an array on the device: [tokens].
struct BatchToken {
  uint64_t cache;     // device address of its sequence's kv cache, laid out as CacheLayout says
  uint32_t n_ctx;     // positions of that cache
  uint32_t position;  // its own
};
static_assert(sizeof(BatchToken) == 16, "as on every device");

/// Consecutive tokens of one sequence that one group of a prefill attention kernel computes.
struct AttentionTile {
  uint32_t first_token;  // index into the batch
  uint32_t tokens;
};
static_assert(sizeof(AttentionTile) == 8, "as on every device");

/// Where the kv cache of a layer lies in a sequence's cache: keys [kv_heads][n_ctx] rows of row_bytes, then
/// values alike. The layers before it hold heads_before kv heads in all, so that layer's keys begin
/// 2 · heads_before · n_ctx · row_bytes into the cache.
struct CacheLayout {
  uint32_t kv_type;  // KvType
  uint32_t row_bytes;
  uint32_t heads_before;
  uint32_t kv_heads;
};
static_assert(sizeof(CacheLayout) == 16, "as on every device");

/// A logit and whose it is.
struct Candidate {
  float logit;
  int32_t id;
};
static_assert(sizeof(Candidate) == 8, "as on every device");

}  // namespace gpu
}  // namespace openelm
