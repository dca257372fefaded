#pragma once

// What prefill attention is given, and keys and values on their way from a kv cache of any type to shared
// memory, as f16.

#include "gpu/compat.h"
#include "gpu/cuda/tensor_core.cuh"
#include "gpu/types.h"
#include "quant/kv_type.h"

namespace openelm::gpu::cuda {

struct PrefillAttentionArgs {
  const float* qkv;
  const BatchToken* list;
  const AttentionTile* tiles;
  float* out;
  uint32_t ldq, heads, kv_heads, head_dim;
  CacheLayout cache;
  float scale;  // log2(e) / √head_dim
};

/// One kv head of one layer of one sequence.
struct KvHead {
  const uint8_t *keys, *values;  // rows of row_bytes, by position
  uint32_t row_bytes;
};

OPENELM_TENSOR KvHead kv_head_of(const BatchToken& token, const CacheLayout& cache, uint32_t kv_head) {
  const uint64_t head_bytes = static_cast<uint64_t>(token.n_ctx) * cache.row_bytes;
  const uint64_t keys = token.cache + (2 * static_cast<uint64_t>(cache.heads_before) + kv_head) * head_bytes;
  return {at<const uint8_t>(keys), at<const uint8_t>(keys + cache.kv_heads * head_bytes), cache.row_bytes};
}

/// Elements [8 · chunk, 8 · chunk + 8) of a row go to 16 bytes of shared memory: at once, or for an f16 cache
/// when the copies are waited for. Zeros when !valid; the row is not read then.
template <KvType kType>
OPENELM_TENSOR void fetch_chunk(SharedAddress to, const uint8_t* row, uint32_t chunk, bool valid) {
  if (kType == KvType::f16) {
    copy_async(to, row + chunk * kChunk, valid);
    return;
  }
  Words out = {};
  if (valid && kType == KvType::f32) {
    const Words* const from = reinterpret_cast<const Words*>(row) + 2 * chunk;
    const Words a = from[0], b = from[1];
    out = {{pack_f16(as_float(a.w[0]), as_float(a.w[1])), pack_f16(as_float(a.w[2]), as_float(a.w[3])),
            pack_f16(as_float(b.w[0]), as_float(b.w[1])), pack_f16(as_float(b.w[2]), as_float(b.w[3]))}};
  } else if (valid) {
    // Blocks of 34 bytes: an f16 scale, then 32 quants; aligned to 2 bytes.
    const uint8_t* const block = row + chunk / 4 * 34;
    const float scale = half_bits_to_float(load_2(block));
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t pair = load_2(block + 2 + chunk % 4 * 8 + 2 * i);
      out.w[i] = pack_f16(scale * static_cast<float>(static_cast<int8_t>(pair & 255)),
                          scale * static_cast<float>(static_cast<int8_t>(pair >> 8)));
    }
  }
  store_shared(to, out);
}

}  // namespace openelm::gpu::cuda
