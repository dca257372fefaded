// The ops of a MetalDevice: which entry points run, in groups of what size, and the memory they work in.

#include <algorithm>
#include <cctype>
#include <string>

#include "gpu/bodies/attention.h"
#include "gpu/bodies/attention_tile.h"
#include "gpu/bodies/matvec.h"
#include "gpu/bodies/top_k.h"
#include "gpu/metal/arguments.h"
#include "gpu/metal/metal_device.h"
#include "gpu/with_block.h"
#include "quant/kv_type.h"

namespace openelm::gpu::metal {
namespace {

constexpr uint32_t kTeam = 32;
constexpr uint32_t kRowThreads = 256;  // of a group that has a row to itself; entry.h allows no more
constexpr uint32_t kMatvecTeams = 8;
constexpr uint32_t kAttentionTeams = 4;
/// Groups of a product with few tokens, at most: several for every core of the largest GPU.
constexpr uint32_t kMatvecGroups = 256;
/// Threadgroup memory that one group may have, and how much leaves room for a second on the same core.
constexpr uint32_t kMostShared = 32768;
constexpr uint32_t kSharedOfTwo = 16384;
/// Tokens of the kernels for few: the activations of more do not fit threadgroup memory.
constexpr uint32_t kSmallBatch = 4;

uint32_t blocks(uint32_t n, uint32_t each) {
  return (n + each - 1) / each;
}

/// The name of an entry point: openelm_<op>_<type of the matrix>, and a number.
std::string entry(const char* op, DType type) {
  std::string name = std::string("openelm_") + op + "_";
  for (const char* c = dtype_info(type).name; *c != '\0'; ++c)
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  return name;
}

std::string entry(const char* op, const CacheLayout& cache) {
  const char* type = "f32";
  if (cache.kv_type == static_cast<uint32_t>(KvType::f16)) type = "f16";
  if (cache.kv_type == static_cast<uint32_t>(KvType::q8_0)) type = "q8_0";
  return std::string("openelm_") + op + "_" + type;
}

MatrixRef ref(const DeviceMatrix& matrix) {
  return {matrix.quants, matrix.scales, matrix.rows, matrix.cols};
}

/// The least number of tokens there is a kernel for.
uint32_t tokens_of_kernel(uint32_t n) {
  return n <= 1 ? 1 : n <= 2 ? 2 : 4;
}

/// Panel and launch of a product with few tokens; `at_once` rows are a team's at a time.
template <class Block, uint32_t Tokens>
Launch plan(uint32_t rows, uint32_t at_once, uint32_t cols, uint32_t& panel) {
  typedef MatvecShared<Block, Tokens> Shared;
  panel = Shared::panel(cols, kMatvecTeams, kSharedOfTwo);
  if (panel == 0) panel = Shared::panel(cols, kMatvecTeams, kMostShared);
  const uint32_t needed = blocks(rows, at_once * kMatvecTeams);
  const uint32_t rounds = blocks(needed, kMatvecGroups);  // equally many for every group
  return {.x = rounds == 0 ? 0 : blocks(needed, rounds),
          .threads = kMatvecTeams * kTeam,
          .shared_bytes = Shared::bytes(panel, kMatvecTeams)};
}

/// The same for a number of tokens known at run time. `gated`: rows of two matrices at a time.
Launch plan(DType type, uint32_t tokens, bool gated, uint32_t rows, uint32_t cols, uint32_t& panel) {
  Launch launch;
  with_block(type, [&]<class Block>(BlockTag<Block>) {
    const auto of = [&]<uint32_t Tokens>() {
      launch = plan<Block, Tokens>(rows, gated ? 1 : PlainRows<Block, Tokens>::kRows, cols, panel);
    };
    if (tokens == 1) return of.template operator()<1>();
    if (tokens == 2) return of.template operator()<2>();
    of.template operator()<4>();
  });
  return launch;
}

size_t partials_bytes(uint32_t n, const HeadShape& shape, uint32_t positions) {
  const size_t chunks = size_t{n} * shape.heads * blocks(positions, kAttentionChunk);
  return chunks * partial_floats(shape.head_dim) * sizeof(float);
}

size_t selection_bytes(uint32_t n, uint32_t vocab, uint32_t k) {
  return size_t{n} * blocks(vocab, kTopKSlice) * k * sizeof(uint64_t);
}

}  // namespace

uint32_t MetalDevice::small_batch() const noexcept {
  return kSmallBatch;
}

// The widest ffn is among max_cols, as its down projection has it; the vocabulary is among max_rows.
Status MetalDevice::reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                            uint32_t n_ctx) {
  const uint32_t few = std::min(n, kSmallBatch);
  Status status = grow(partials_, partials_bytes(few, largest, n_ctx));
  if (status.ok()) status = grow(selection_, selection_bytes(few, max_rows, kMaxTopK));
  if (status.ok()) status = grow(up_, size_t{n} * max_cols * sizeof(float));
  if (status.ok() && n > kSmallBatch) status = grow(normed_, size_t{n} * max_cols * sizeof(float));
  return status;
}

void MetalDevice::embed(const DeviceMatrix& table, DevicePointer ids, uint32_t n, DevicePointer x) {
  stream_.run(entry("embed", table.type), EmbedArgs{ref(table), ids, x}, {.x = n, .threads = kRowThreads});
}

void MetalDevice::rms_norm(DevicePointer x, DevicePointer weight, float eps, uint32_t dim, uint32_t n,
                           DevicePointer y) {
  stream_.run("openelm_rms_norm", RmsNormArgs{x, weight, y, dim, eps},
              {.x = n, .threads = kRowThreads, .shared_bytes = kRowThreads / kTeam * sizeof(float)});
}

void MetalDevice::many(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer y, uint32_t ldy,
                       Store store) {
  stream_.run(entry("matmul", w.type), MatmulArgs{ref(w), x, y, n, ldy, store == Store::add ? 1u : 0u, 0},
              {.x = blocks(w.rows, kManyTile),
               .y = blocks(n, kManyTile),
               .threads = kManyThreads,
               .shared_bytes = kManySharedBytes});
}

void MetalDevice::matmul(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer norm, float eps,
                         DevicePointer y, uint32_t ldy, Store store) {
  if (n > kSmallBatch) {
    if (norm != 0) {
      const DevicePointer normed = need(normed_, size_t{n} * w.cols * sizeof(float));
      if (normed == 0) return;
      rms_norm(x, norm, eps, w.cols, n, normed);
      x = normed;
    }
    return many(w, x, n, y, ldy, store);
  }
  const uint32_t tokens = tokens_of_kernel(n);
  MatvecArgs args{ref(w), x, norm, y, n, ldy, store == Store::add ? 1u : 0u, 0, eps, 0};
  const Launch launch = plan(w.type, tokens, false, w.rows, w.cols, args.panel);
  if (n > 0) stream_.run(entry("matvec", w.type) + "_" + std::to_string(tokens), args, launch);
}

void MetalDevice::gated_matmul(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, uint32_t n,
                               DevicePointer norm, float eps, DevicePointer y) {
  if (n <= kSmallBatch && gate.type == up.type) {
    const uint32_t tokens = tokens_of_kernel(n);
    GatedMatvecArgs args{ref(gate), ref(up), x, norm, y, n, 0, eps, 0};
    const Launch launch = plan(gate.type, tokens, true, gate.rows, gate.cols, args.panel);
    if (n > 0) stream_.run(entry("gated_matvec", gate.type) + "_" + std::to_string(tokens), args, launch);
    return;
  }
  if (n > kSmallBatch && norm != 0) {  // once for both
    const DevicePointer normed = need(normed_, size_t{n} * gate.cols * sizeof(float));
    if (normed == 0) return;
    rms_norm(x, norm, eps, gate.cols, n, normed);
    x = normed;
    norm = 0;
  }
  const DevicePointer ups = need(up_, size_t{n} * up.rows * sizeof(float));
  if (ups == 0) return;
  matmul(gate, x, n, norm, eps, y, gate.rows, Store::set);
  matmul(up, x, n, norm, eps, ups, up.rows, Store::set);
  const uint32_t count = n * gate.rows;
  stream_.run("openelm_swiglu", SwigluArgs{y, ups, y, count, 0},
              {.x = blocks(count, kRowThreads), .threads = kRowThreads});
}

static FinishHeadsArgs finish_args(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                                   DevicePointer k_norm, float eps, DevicePointer rope,
                                   uint32_t rope_positions, const DeviceBatch& batch,
                                   const CacheLayout& cache) {
  return {qkv,         q_norm,         k_norm,         rope,           batch.list, batch.tokens,
          shape.heads, shape.kv_heads, shape.head_dim, rope_positions, eps,        cache};
}

void MetalDevice::finish_heads(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                               DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                               const DeviceBatch& batch, const CacheLayout& cache) {
  const FinishHeadsArgs args =
      finish_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache);
  const uint32_t vectors = batch.tokens * (shape.heads + 2 * shape.kv_heads);
  stream_.run(entry("finish_heads", cache), args,
              {.x = blocks(vectors, kAttentionTeams),
               .threads = kAttentionTeams * kTeam,
               .shared_bytes = kAttentionTeams * shape.head_dim * sizeof(float)});
}

/// Attention of single tokens; args: AttentionArgs, or that with more.
template <class Args>
void MetalDevice::attend_singles(const char* op, const AttentionArgs& of, uint32_t tokens, const Args& args) {
  const bool known = of.head_dim == 64 || of.head_dim == 128;
  const std::string suffix = "_" + std::to_string(known ? of.head_dim : 0);
  stream_.run(entry(op, of.cache) + suffix, args,
              {.x = of.max_chunks,
               .y = of.kv_heads,
               .z = tokens,
               .threads = kAttentionTeams * kTeam,
               .shared_bytes = attend_chunk_bytes(of.head_dim, kAttentionTeams, kTeam)});
  stream_.run("openelm_merge_chunks", of,
              {.x = of.kv_heads, .y = tokens, .threads = kAttentionTeams * kTeam});
}

AttentionArgs MetalDevice::attention_args(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                                          const CacheLayout& cache, DevicePointer out) {
  AttentionArgs args{qkv,         batch.list,     batch.tiles,    out, 0,
                     shape.heads, shape.kv_heads, shape.head_dim, 0,   cache};
  if (batch.single_tokens == 0) return args;
  args.max_chunks = blocks(batch.max_positions, kAttentionChunk);
  args.partials = need(partials_, partials_bytes(batch.single_tokens, shape, batch.max_positions));
  return args;
}

void MetalDevice::attention(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                            const CacheLayout& cache, DevicePointer out) {
  const AttentionArgs args = attention_args(qkv, shape, batch, cache, out);
  if (batch.single_tokens > 0 && args.partials == 0) return;
  if (batch.single_tokens > 0) attend_singles("attend_chunk", args, batch.single_tokens, args);
  stream_.run(entry("attend_tile", cache), args,
              {.x = batch.tile_count,
               .y = shape.heads,
               .threads = kAttentionTeams * kTeam,
               .shared_bytes = attend_tile_bytes(shape.head_dim)});
}

void MetalDevice::fresh_attention(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                                  DevicePointer k_norm, float eps, DevicePointer rope,
                                  uint32_t rope_positions, const DeviceBatch& batch, const CacheLayout& cache,
                                  DevicePointer out) {
  const FreshAttentionArgs args{
      attention_args(qkv, shape, batch, cache, out),
      finish_args(qkv, shape, q_norm, k_norm, eps, rope, rope_positions, batch, cache)};
  if (args.attention.partials != 0) attend_singles("attend_fresh", args.attention, batch.single_tokens, args);
}

void MetalDevice::top_k(DevicePointer logits, uint32_t vocab, uint32_t n, uint32_t k, DevicePointer out) {
  const uint32_t slices = blocks(vocab, kTopKSlice);
  const DevicePointer partials = need(selection_, selection_bytes(n, vocab, k));
  if (partials == 0) return;
  const TopKArgs args{logits, partials, out, vocab, k, slices, 0};
  stream_.run("openelm_top_k_slice", args,
              {.x = slices, .y = n, .threads = kRowThreads, .shared_bytes = top_k_bytes()});
  stream_.run("openelm_top_k_merge", args, {.x = n, .threads = kRowThreads, .shared_bytes = top_k_bytes()});
}

void MetalDevice::advance(DevicePointer best, uint32_t k, uint32_t n, DevicePointer ids, DevicePointer list) {
  stream_.run("openelm_advance", AdvanceArgs{best, ids, list, k, n}, {.x = blocks(n, 32), .threads = 32});
}

}  // namespace openelm::gpu::metal
