// Prefill attention's blocks, thread by thread on the host, against softmax in double over what the cache
// holds: all cache types and head widths, tiles that begin and end anywhere, NaN in the cache behind the last
// position. And that a token's result is the same in every tile.

#include <algorithm>
#include <cstring>
#include <vector>

#include "gpu/attention_problem.h"
#include "gpu/cuda/prefill_attention.cuh"

namespace openelm::gpu::cuda {
namespace {

/// The outputs of the problem's tokens, computed as tiles of `tile_tokens`.
template <class Kernel>
std::vector<float> run(const AttentionProblem& p, KvType type, AttentionInputs& in, uint32_t tile_tokens,
                       bool& finished) {
  std::vector<BatchToken> list(p.tokens + 1);
  for (uint32_t t = 0; t < p.tokens; ++t) {
    list[t + 1] = {reinterpret_cast<uintptr_t>(in.cache.base), in.cache.n_ctx, p.position + t};
  }
  std::vector<AttentionTile> tiles;
  for (uint32_t t = 0; t < p.tokens; t += tile_tokens)
    tiles.push_back({t + 1, std::min(tile_tokens, p.tokens - t)});
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
void check(const AttentionProblem& p) {
  using Kernel = PrefillAttention<kType, kHeadDim, kPositions>;
  AttentionInputs in(p, kType);
  bool finished = true;
  const std::vector<float> out = run<Kernel>(p, kType, in, 64, finished);
  const double worst = finished ? attention_error(p, in, out) : INFINITY;
  char text[160];
  std::snprintf(text, sizeof text,
                "attention: %s cache, head_dim %u, %u tokens from position %u, relative error %.1e",
                kv_type_name(kType), p.head_dim, p.tokens, p.position, worst);
  emulation::report(worst < attention_bound(kType), text);
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
