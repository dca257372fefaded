// Prefill attention on the device, against softmax in double: cache types, head widths, tiles that begin
// anywhere.

#include "gpu/attention_problem.h"
#include "gpu/cuda/prefill_attention.h"
#include "gpu/tensor/memory.h"

namespace openelm::gpu::cuda {
namespace {

void check(const AttentionProblem& p, KvType type, uint32_t token_stride = 1) {
  AttentionInputs in(p, type);
  const std::vector<uint8_t> bytes(in.cache.base, in.cache.bytes.data() + in.cache.bytes.size());
  const Array<uint8_t> cache(bytes);
  std::vector<BatchToken> list(p.tokens + 1);
  for (uint32_t t = 0; t < p.tokens; ++t) list[t + 1] = {cache.address(), in.cache.n_ctx, p.position + t};
  std::vector<AttentionTile> tiles;
  for (uint32_t t = 0; t < p.tokens; t += kAttentionTileTokens)
    tiles.push_back({t + 1, std::min(kAttentionTileTokens, p.tokens - t)});
  const Array<float> q(in.q), out(std::vector<float>(size_t{p.tokens + 1} * p.heads * p.head_dim, -1.0f));
  const Array<BatchToken> list_there(list);
  const Array<AttentionTile> tiles_there(tiles);
  const CacheLayout layout = {static_cast<uint32_t>(type), in.cache.row_bytes, 1, p.kv_heads};
  require(
      prefill_attention(q.data(), in.ldq, {p.heads, p.kv_heads, p.head_dim}, list_there.data(),
                        tiles_there.data(), static_cast<uint32_t>(tiles.size()), layout, out.data(), nullptr),
      "attention");
  require(cudaDeviceSynchronize(), "attention");
  const double worst = attention_error(p, in, out.get(), token_stride);
  char text[200];
  std::snprintf(text, sizeof text, "attention %s, head_dim %u, %u tokens from %u: relative error %.1e",
                kv_type_name(type), p.head_dim, p.tokens, p.position, worst);
  emulation::report(worst < attention_bound(type), text);
}

}  // namespace

void check_attention_on_device() {
  for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0}) {
    for (const uint32_t head_dim : {32u, 64u, 96u, 128u, 256u, 288u}) check({37, 100, 4, 2, head_dim}, type);
  }
  check({5, 9, 2, 1, 16}, KvType::f16);
  check({0, 2, 4, 1, 64}, KvType::f16);
  check({1000, 513, 8, 2, 128}, KvType::f16, 57);
}

}  // namespace openelm::gpu::cuda
