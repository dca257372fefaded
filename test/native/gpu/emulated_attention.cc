// Prefill attention's blocks, thread by thread on the host, against softmax in double over what the cache holds: all
// cache types and head widths, tiles that begin and end anywhere, NaN in the cache behind the last position. And that a
// token's result is the same in every tile.

#include <cstring>
#include <vector>

#include "gpu/cuda/prefill_attention.cuh"
#include "gpu/emulated.h"

namespace openelm::gpu::cuda {
namespace {

struct Problem {
  uint32_t position, tokens;  // of the tile
  uint32_t heads, kv_heads, head_dim;
};

/// A cache of two layers, of which the second counts, with one kv head before it.
struct Cache {
  Cache(const Problem& p, KvType type, emulation::Random& random)
      : n_ctx(p.position + p.tokens + 5),
        row_bytes(static_cast<uint32_t>(kv_row_bytes(type, p.head_dim))),
        bytes(size_t{2} * (1 + p.kv_heads) * n_ctx * row_bytes + 16, 0xff),
        values(size_t{2} * p.kv_heads * n_ctx * p.head_dim) {
    base = bytes.data() + (16 - reinterpret_cast<uintptr_t>(bytes.data()) % 16) % 16;
    for (uint32_t part = 0; part < 2 * p.kv_heads; ++part) {
      for (uint32_t pos = 0; pos < p.position + p.tokens; ++pos) {
        const size_t row = size_t{part} * n_ctx + pos;
        fill(type, p.head_dim, base + (size_t{2} * n_ctx + row) * row_bytes, values.data() + row * p.head_dim, random);
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
  const double* at(const Problem& p, uint32_t part, uint32_t position) const {
    return values.data() + (size_t{part} * n_ctx + position) * p.head_dim;
  }

  uint32_t n_ctx, row_bytes;
  std::vector<uint8_t> bytes;
  std::vector<double> values;
  uint8_t* base;
};

std::vector<double> reference(const Problem& p, const Cache& cache, const float* q, uint32_t position, uint32_t head) {
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
    for (uint32_t d = 0; d < p.head_dim; ++d) out[d] += weight[k] / sum * cache.at(p, p.kv_heads + kv_head, k)[d];
  }
  return out;
}

struct Inputs {
  Inputs(const Problem& p, KvType type) : random(p.position * 61 + p.head_dim), cache(p, type, random), ldq(width(p)) {
    q.resize(size_t{p.tokens + 1} * ldq);
    for (float& v : q) v = 3 * random.symmetric();
  }
  static uint32_t width(const Problem& p) { return (p.heads + 2 * p.kv_heads) * p.head_dim; }
  emulation::Random random;
  Cache cache;
  uint32_t ldq;
  std::vector<float> q;  // the batch's first token is another sequence's
};

/// The outputs of the problem's tokens, computed as tiles of `tile_tokens`.
template <class Kernel>
std::vector<float> run(const Problem& p, KvType type, Inputs& in, uint32_t tile_tokens, bool& finished) {
  std::vector<BatchToken> list(p.tokens + 1);
  for (uint32_t t = 0; t < p.tokens; ++t) {
    list[t + 1] = {reinterpret_cast<uintptr_t>(in.cache.base), in.cache.n_ctx, p.position + t};
  }
  std::vector<AttentionTile> tiles;
  for (uint32_t t = 0; t < p.tokens; t += tile_tokens) tiles.push_back({t + 1, std::min(tile_tokens, p.tokens - t)});
  std::vector<float> out(size_t{p.tokens + 1} * p.heads * p.head_dim, -1.0f);
  const PrefillAttentionArgs args = {in.q.data(),
                                     list.data(),
                                     tiles.data(),
                                     out.data(),
                                     in.ldq,
                                     p.heads,
                                     p.kv_heads,
                                     p.head_dim,
                                     {static_cast<uint32_t>(type), in.cache.row_bytes, 1, p.kv_heads},
                                     static_cast<float>(1.4426950408889634 / std::sqrt(p.head_dim))};
  std::vector<char> shared(Kernel::kSharedBytes + 128);
  char* const aligned = shared.data() + (128 - reinterpret_cast<uintptr_t>(shared.data()) % 128) % 128;
  for (uint32_t tile = 0; tile < tiles.size(); ++tile) {
    for (uint32_t head = 0; head < p.heads; ++head) {
      std::memset(aligned, 0xff, Kernel::kSharedBytes);
      emulation::Block block(Kernel::kThreads, tile * 17 + head);
      finished &= block.run([&] { Kernel::run(args, aligned, tile, head); });
    }
  }
  return out;
}

template <KvType kType, uint32_t kHeadDim, uint32_t kPositions>
void check(const Problem& p) {
  using Kernel = PrefillAttention<kType, kHeadDim, kPositions>;
  Inputs in(p, kType);
  bool finished = true;
  const std::vector<float> out = run<Kernel>(p, kType, in, 64, finished);
  double worst = finished ? 0 : INFINITY;
  for (uint32_t t = 0; t < p.tokens; ++t) {
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
  const char* const names[] = {"f32", "f16", "q8_0"};
  char text[160];
  std::snprintf(text, sizeof text, "attention: %s cache, head_dim %u, %u tokens from position %u, relative error %.1e",
                names[static_cast<uint32_t>(kType)], p.head_dim, p.tokens, p.position, worst);
  // Keys of f32 and q8_0 are rounded to f16 on their way, as an f16 cache holds them from the start.
  emulation::report(worst < (kType == KvType::f16 ? 4e-4 : 1.2e-3), text);
  if (p.tokens <= 40) return;
  const bool same = out == run<Kernel>(p, kType, in, 23, finished) && finished;
  emulation::report(same, "attention: a result does not depend on the tile");
}

}  // namespace

void check_prefill_attention() {
  check<KvType::f16, 64, 64>({0, 64, 4, 2, 64});
  check<KvType::f16, 64, 64>({130, 37, 2, 1, 64});
  check<KvType::f16, 128, 64>({63, 66, 2, 1, 128});
  check<KvType::f16, 64, 64>({1, 9, 2, 2, 16});
  check<KvType::f16, 128, 64>({70, 17, 1, 1, 80});
  check<KvType::f16, 256, 32>({45, 50, 1, 1, 208});
  check<KvType::f32, 64, 64>({5, 20, 2, 1, 48});
  check<KvType::f32, 128, 64>({100, 64, 1, 1, 128});
  check<KvType::q8_0, 64, 64>({7, 64, 2, 1, 64});
  check<KvType::q8_0, 128, 64>({127, 2, 2, 1, 96});
  check<KvType::q8_0, 256, 32>({3, 33, 1, 1, 256});
}

}  // namespace openelm::gpu::cuda
