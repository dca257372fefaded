// The ops of the host device: how many groups run which body.

#include "gpu/bodies/advance.h"
#include "gpu/bodies/attention.h"
#include "gpu/bodies/attention_tile.h"
#include "gpu/bodies/embed.h"
#include "gpu/bodies/finish_heads.h"
#include "gpu/bodies/rms_norm.h"
#include "gpu/bodies/top_k.h"
#include "gpu/host/host_launch.h"
#include "gpu/with_block.h"

namespace openelm::gpu::host {
namespace {

FinishHeadsArgs finish_args(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                            DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                            const DeviceBatch& batch, const CacheLayout& cache) {
  return {qkv,         q_norm,         k_norm,         rope,           batch.list, batch.tokens,
          shape.heads, shape.kv_heads, shape.head_dim, rope_positions, eps,        cache};
}

}  // namespace

void HostDevice::embed(const DeviceMatrix& table, DevicePointer ids, uint32_t n, DevicePointer x) {
  with_block(table.type, [&](auto tag) {
    using Block = typename decltype(tag)::Type;
    const EmbedArgs args{reference_to(table), ids, x};
    launch(n, 0,
           [args](HostGroup group, uint32_t index, uint8_t*) { gpu::embed<Block>(group, args, index); });
  });
}

void HostDevice::rms_norm(DevicePointer x, DevicePointer weight, float eps, uint32_t dim, uint32_t n,
                          DevicePointer y) {
  const RmsNormArgs args{x, weight, y, dim, eps};
  launch(n, 4 * options_.teams, [args](HostGroup group, uint32_t index, uint8_t* shared) {
    gpu::rms_norm(group, args, index, reinterpret_cast<float*>(shared));
  });
}

void HostDevice::finish_heads(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                              DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                              const DeviceBatch& batch, const CacheLayout& cache) {
  const FinishHeadsArgs args =
      finish_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache);
  const uint32_t teams = options_.teams;
  const uint32_t vectors = batch.tokens * (shape.heads + 2 * shape.kv_heads);
  with_kv_type(static_cast<KvType>(cache.kv_type), [&](auto type) {
    launch((vectors + teams - 1) / teams, 4 * teams * shape.head_dim,
           [args, teams](HostGroup group, uint32_t index, uint8_t* shared) {
             gpu::finish_heads<decltype(type)::value>(group, args, index * teams,
                                                      reinterpret_cast<float*>(shared));
           });
  });
}

AttentionArgs HostDevice::attention_args(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                                         const CacheLayout& cache, DevicePointer out) {
  const uint32_t chunks = (batch.max_positions + kAttentionChunk - 1) / kAttentionChunk;
  const size_t partials =
      sizeof(float) * batch.single_tokens * shape.heads * chunks * partial_floats(shape.head_dim);
  return {qkv,
          batch.list,
          batch.tiles,
          out,
          batch.single_tokens ? scratch(chunks_, partials) : 0,
          shape.heads,
          shape.kv_heads,
          shape.head_dim,
          chunks,
          cache};
}

template <class Heads>
void HostDevice::attend_singles(Heads heads, uint32_t tokens) {
  const AttentionArgs& args = heads.args;
  if (tokens == 0 || !args.partials) return;
  const uint32_t kv_heads = args.kv_heads, chunks = args.max_chunks;
  with_kv_type(static_cast<KvType>(args.cache.kv_type), [&](auto type) {
    const auto with_head_dim = [&](auto head_dim) {
      launch_on(attention_threads_, tokens * kv_heads * chunks,
                attend_chunk_bytes(args.head_dim, options_.attention_teams, options_.team_size),
                [=](HostGroup group, uint32_t index, uint8_t* shared) {
                  gpu::attend_chunk<decltype(type)::value, decltype(head_dim)::value>(
                      group, heads, index / chunks / kv_heads, index / chunks % kv_heads, index % chunks,
                      reinterpret_cast<float*>(shared));
                });
    };
    if (args.head_dim == 64)
      with_head_dim(std::integral_constant<uint32_t, 64>());
    else
      with_head_dim(std::integral_constant<uint32_t, 0>());
  });
  launch(tokens * kv_heads, 0, [=](HostGroup group, uint32_t index, uint8_t*) {
    gpu::merge_chunks(group, heads.args, index / kv_heads, index % kv_heads);
  });
}

void HostDevice::attention(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                           const CacheLayout& cache, DevicePointer out) {
  const AttentionArgs args = attention_args(qkv, shape, batch, cache, out);
  attend_singles(FinishedHeads{args}, batch.single_tokens);
  const uint32_t heads = shape.heads;
  with_kv_type(static_cast<KvType>(cache.kv_type), [&](auto type) {
    launch(batch.tile_count * heads, attend_tile_bytes(shape.head_dim),
           [=](HostGroup group, uint32_t index, uint8_t* shared) {
             gpu::attend_tile<decltype(type)::value>(group, args, index / heads, index % heads,
                                                     reinterpret_cast<float*>(shared));
           });
  });
}

void HostDevice::fresh_attention(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                                 DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                                 const DeviceBatch& batch, const CacheLayout& cache, DevicePointer out) {
  const FinishHeadsArgs finish =
      finish_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache);
  const AttentionArgs args = attention_args(qkv, shape, batch, cache, out);
  if (chained(batch.single_tokens, [&] { return args.partials && chain_.add_attention({args, finish}); }))
    return;
  attend_singles(FreshHeads{args, finish}, batch.single_tokens);
}

void HostDevice::top_k(DevicePointer logits, uint32_t vocab, uint32_t n, uint32_t k, DevicePointer out) {
  const uint32_t slices = (vocab + kTopKSlice - 1) / kTopKSlice;
  const DevicePointer partials = scratch(candidates_, sizeof(uint64_t) * n * slices * k);
  if (!partials) return;
  const TopKArgs args{logits, partials, out, vocab, k, slices, 0};
  launch(n * slices, top_k_bytes(), [=](HostGroup group, uint32_t index, uint8_t* shared) {
    top_k_slice(group, args, index / slices, index % slices, reinterpret_cast<uint64_t*>(shared));
  });
  launch(n, top_k_bytes(), [=](HostGroup group, uint32_t index, uint8_t* shared) {
    top_k_merge(group, args, index, reinterpret_cast<uint64_t*>(shared));
  });
}

void HostDevice::advance(DevicePointer best, uint32_t k, uint32_t n, DevicePointer ids, DevicePointer list) {
  const AdvanceArgs args{best, ids, list, k, n};
  launch(1, 0, [args](HostGroup group, uint32_t, uint8_t*) {
    for (uint32_t t = group.lane(); t < args.n; t += group.size()) gpu::advance(args, t);
  });
}

}  // namespace openelm::gpu::host
