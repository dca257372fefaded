#pragma once

// A tile of tokens that attends to a random cache, and what should come out, for checks of prefill attention.

#include <algorithm>
#include <cstring>
#include <vector>

#include "gpu/emulated.h"
#include "gpu/types.h"
#include "quant/half.h"
#include "quant/kv_type.h"

namespace openelm::gpu::cuda {

inline const char* kv_type_name(KvType type) {
  return type == KvType::f32 ? "f32" : type == KvType::f16 ? "f16" : "q8_0";
}

struct AttentionProblem {
  uint32_t position, tokens;  // of the tile
  uint32_t heads, kv_heads, head_dim;
};

/// A cache of two layers, of which the second counts, with one kv head before it.
struct AttentionCache {
  AttentionCache(const AttentionProblem& p, KvType type, emulation::Random& random)
      : n_ctx(p.position + p.tokens + 5),
        row_bytes(static_cast<uint32_t>(kv_row_bytes(type, p.head_dim))),
        bytes(size_t{2} * (1 + p.kv_heads) * n_ctx * row_bytes + 16, 0xff),
        values(size_t{2} * p.kv_heads * n_ctx * p.head_dim) {
    base = bytes.data() + (16 - reinterpret_cast<uintptr_t>(bytes.data()) % 16) % 16;
    for (uint32_t part = 0; part < 2 * p.kv_heads; ++part) {
      for (uint32_t pos = 0; pos < p.position + p.tokens; ++pos) {
        const size_t row = size_t{part} * n_ctx + pos;
        fill(type, p.head_dim, base + (size_t{2} * n_ctx + row) * row_bytes, values.data() + row * p.head_dim,
             random);
      }
    }
  }

  static void fill(KvType type, uint32_t head_dim, uint8_t* row, double* value, emulation::Random& random) {
    for (uint32_t d = 0; d < head_dim; ++d) {
      const float v = 2 * random.symmetric();
      const uint16_t half = float_to_half(v);
      if (type == KvType::f32) {
        std::memcpy(row + 4 * d, &v, 4);
        value[d] = v;
      } else if (type == KvType::f16) {
        std::memcpy(row + 2 * d, &half, 2);
        value[d] = half_to_float(half);
      } else {
        uint8_t* const block = row + d / 32 * 34;
        const uint16_t scale = float_to_half(0.01f + 0.001f * static_cast<float>(d / 32));
        const auto quant = static_cast<int8_t>(127 * v / 2);
        std::memcpy(block, &scale, 2);
        block[2 + d % 32] = static_cast<uint8_t>(quant);
        value[d] = static_cast<double>(half_to_float(scale)) * quant;
      }
    }
  }
  /// part: kv head, values behind all heads' keys.
  const double* at(const AttentionProblem& p, uint32_t part, uint32_t position) const {
    return values.data() + (size_t{part} * n_ctx + position) * p.head_dim;
  }

  uint32_t n_ctx, row_bytes;
  std::vector<uint8_t> bytes;
  std::vector<double> values;
  uint8_t* base;
};

inline std::vector<double> reference(const AttentionProblem& p, const AttentionCache& cache, const float* q,
                                     uint32_t position, uint32_t head) {
  const uint32_t kv_head = head / (p.heads / p.kv_heads);
  std::vector<double> weight(position + 1), out(p.head_dim);
  double top = -INFINITY, sum = 0;
  for (uint32_t k = 0; k <= position; ++k) {
    double dot = 0;
    for (uint32_t d = 0; d < p.head_dim; ++d) dot += q[d] * cache.at(p, kv_head, k)[d];
    weight[k] = dot / std::sqrt(p.head_dim);
    top = std::fmax(top, weight[k]);
  }
  for (double& w : weight) sum += w = std::exp(w - top);
  for (uint32_t k = 0; k <= position; ++k) {
    for (uint32_t d = 0; d < p.head_dim; ++d)
      out[d] += weight[k] / sum * cache.at(p, p.kv_heads + kv_head, k)[d];
  }
  return out;
}

struct AttentionInputs {
  AttentionInputs(const AttentionProblem& p, KvType type)
      : random(p.position * 61 + p.head_dim), cache(p, type, random), ldq(width(p)) {
    q.resize(size_t{p.tokens + 1} * ldq);
    for (float& v : q) v = 3 * random.symmetric();
  }
  static uint32_t width(const AttentionProblem& p) { return (p.heads + 2 * p.kv_heads) * p.head_dim; }
  emulation::Random random;
  AttentionCache cache;
  uint32_t ldq;
  std::vector<float> q;  // the batch's first token is another sequence's
};

/// The largest relative error of a head's output; infinite when what comes before the tile was written to.
inline double attention_error(const AttentionProblem& p, const AttentionInputs& in,
                              const std::vector<float>& out, uint32_t token_stride = 1) {
  double worst = 0;
  for (uint32_t t = 0; t < p.tokens; t += token_stride) {
    for (uint32_t h = 0; h < p.heads; ++h) {
      const float* const q = in.q.data() + size_t{t + 1} * in.ldq + size_t{h} * p.head_dim;
      const std::vector<double> expected = reference(p, in.cache, q, p.position + t, h);
      double difference = 0, norm = 0;
      for (uint32_t d = 0; d < p.head_dim; ++d) {
        const double got = out[(size_t{t + 1} * p.heads + h) * p.head_dim + d];
        difference += (got - expected[d]) * (got - expected[d]);
        norm += expected[d] * expected[d];
      }
      worst = emulation::larger(worst, std::sqrt(difference / norm));
    }
  }
  for (uint32_t i = 0; i < p.heads * p.head_dim; ++i) {
    if (out[i] != -1.0f) worst = INFINITY;
  }
  return worst;
}

/// Keys of f32 and q8_0 are rounded to f16 on their way, as an f16 cache holds them from the start.
inline double attention_bound(KvType type) {
  return type == KvType::f16 ? 4e-4 : 2e-3;
}

}  // namespace openelm::gpu::cuda
