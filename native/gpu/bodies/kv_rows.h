#pragma once

// Reading the kv cache: eight neighbouring elements of a row, first as they are, then as floats, so that
// several loads can be under way.

#include "gpu/bodies/arguments.h"
#include "quant/kv_type.h"

namespace openelm {
namespace gpu {

template <KvType type>
struct KvPiece;

template <>
struct KvPiece<KvType::f32> {
  Words4 words[2];
  GPU_FN static KvPiece load(GPU_DEVICE const uint8_t* row, uint32_t i) {
    return KvPiece{{load_16(row + i * 4), load_16(row + i * 4 + 16)}};
  }
  GPU_FN float at(uint32_t i) const { return as_float(words[i / 4].word[i % 4]); }
};
template <>
struct KvPiece<KvType::f16> {
  Words4 words;
  GPU_FN static KvPiece load(GPU_DEVICE const uint8_t* row, uint32_t i) {
    return KvPiece{load_16(row + i * 2)};
  }
  GPU_FN float at(uint32_t i) const {
    return half_bits_to_float((words.word[i / 2] >> (16 * (i % 2))) & 0xffffu);
  }
};
template <>
struct KvPiece<KvType::q8_0> {
  uint32_t words[2];
  uint32_t scale;
  GPU_FN static KvPiece load(GPU_DEVICE const uint8_t* row, uint32_t i) {
    GPU_DEVICE const uint8_t* block = row + i / 32 * 34;
    GPU_DEVICE const uint8_t* q = block + 2 + i % 32;
    return KvPiece{{load_2(q) | load_2(q + 2) << 16, load_2(q + 4) | load_2(q + 6) << 16}, load_2(block)};
  }
  GPU_FN float at(uint32_t i) const {
    return half_bits_to_float(scale) * float(int8_t((words[i / 4] >> (8 * (i % 4))) & 255u));
  }
};

/// The first row of a kv head's keys or, `values` = 1, values of this layer.
GPU_FN GPU_DEVICE const uint8_t* kv_rows(BatchToken token, CacheLayout cache, uint32_t kv_head,
                                         uint32_t values) {
  const uint64_t heads = 2 * uint64_t(cache.heads_before) + values * cache.kv_heads + kv_head;
  return at<const uint8_t>(token.cache + heads * token.n_ctx * cache.row_bytes);
}

}  // namespace gpu
}  // namespace openelm
