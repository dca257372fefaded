// Decode attention whose groups merge by themselves, as on CUDA: groups in random order and a plain counter,
// against the two launches of other devices, and against those behind finish_heads where groups finish heads
// themselves. The bits must be the same whichever group is the last, and the counters 0 again.

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "gpu/bodies/attention.h"
#include "gpu/cuda/meeting.cuh"
#include "gpu/emulated.h"
#include "gpu/host/group.h"

namespace openelm::gpu::cuda {
namespace {

/// A group of one thread that counts.
class CountingGroup : public host::HostGroup {
 public:
  explicit CountingGroup(host::ThreadState* thread) : HostGroup(thread) {}
  bool last_to_come(uint32_t* counter, uint32_t groups) const { return count_arrival(counter, groups); }
};

struct DecodeShape {
  uint32_t head_dim, heads, kv_heads;
};

/// Tokens of sequences of their own, each with its cache; what lies behind a position is NaN.
struct DecodeProblem {
  DecodeShape shape;
  std::vector<uint32_t> positions;
  std::vector<std::vector<float>> caches;
  std::vector<BatchToken> list;
  std::vector<float> qkv, out, partials, norm, rope;
  std::vector<uint32_t> counters;
  AttentionArgs args = {};
  FinishHeadsArgs finish = {};

  DecodeProblem(DecodeShape s, std::vector<uint32_t> at_positions)
      : shape(s), positions(std::move(at_positions)) {
    emulation::Random random(s.head_dim + s.heads);
    for (uint32_t position : positions) {
      const uint32_t n_ctx = position + 3;
      std::vector<float> cache(size_t{2} * s.kv_heads * n_ctx * s.head_dim, NAN);
      for (size_t head = 0; head < size_t{2} * s.kv_heads; ++head)
        for (size_t i = 0; i < size_t{position + 1} * s.head_dim; ++i)
          cache[head * n_ctx * s.head_dim + i] = random.symmetric();
      caches.push_back(std::move(cache));
      list.push_back({reinterpret_cast<uintptr_t>(caches.back().data()), n_ctx, position});
    }
    qkv.resize(positions.size() * (s.heads + 2 * s.kv_heads) * s.head_dim);
    for (float& x : qkv) x = 4 * random.symmetric();
    args.qkv = reinterpret_cast<uintptr_t>(qkv.data());
    args.list = reinterpret_cast<uintptr_t>(list.data());
    args.heads = s.heads;
    args.kv_heads = s.kv_heads;
    args.head_dim = s.head_dim;
    args.max_chunks = *std::max_element(positions.begin(), positions.end()) / kAttentionChunk + 2;
    args.cache = {static_cast<uint32_t>(KvType::f32), s.head_dim * 4, 0, s.kv_heads};
    counters.resize(positions.size() * s.kv_heads);
    const uint32_t last = args.max_chunks * kAttentionChunk;
    norm.resize(s.head_dim);
    rope.resize(size_t{last} * s.head_dim);
    for (float& x : norm) x = random.symmetric();
    for (float& x : rope) x = random.symmetric();
    const auto address = [](const std::vector<float>& values) {
      return reinterpret_cast<uintptr_t>(values.data());
    };
    finish = {args.qkv, address(norm), address(norm), address(rope), args.list, uint32_t(positions.size()),
              s.heads,  s.kv_heads,    s.head_dim,    last,          1e-6f,     args.cache};
  }

  /// A token's own key and value in its cache are NaN, as before a pass.
  void forget_own_rows() {
    for (size_t t = 0; t < positions.size(); ++t)
      for (size_t head = 0; head < size_t{2} * shape.kv_heads; ++head)
        std::fill_n(caches[t].data() + (head * list[t].n_ctx + positions[t]) * shape.head_dim, shape.head_dim,
                    NAN);
  }

  /// Memory as a launch finds it: results and partial results are NaN.
  void forget() {
    out.assign(positions.size() * shape.heads * shape.head_dim, NAN);
    partials.assign(positions.size() * shape.heads * args.max_chunks * partial_floats(shape.head_dim), NAN);
    args.out = reinterpret_cast<uintptr_t>(out.data());
    args.partials = reinterpret_cast<uintptr_t>(partials.data());
  }
};

struct Piece {
  uint32_t token, kv_head, chunk;
};

/// What comes of the two launches.
std::vector<float> in_two_launches(DecodeProblem& p, const CountingGroup& group,
                                   const std::vector<Piece>& grid, float* shared) {
  p.forget();
  for (const Piece& at : grid)
    attend_chunk<KvType::f32, 0>(group, FinishedHeads{p.args}, at.token, at.kv_head, at.chunk, shared);
  for (const Piece& at : grid)
    if (at.chunk == 0) merge_chunks(group, p.args, at.token, at.kv_head);
  return p.out;
}

void check(DecodeShape shape, std::vector<uint32_t> positions) {
  DecodeProblem p(shape, std::move(positions));
  host::GroupState state(1, 1);
  host::ThreadState thread{&state, 0};
  const CountingGroup group(&thread);
  std::vector<float> shared(attend_chunk_bytes(shape.head_dim, 1, 1) / sizeof(float));
  std::vector<Piece> grid;
  for (uint32_t token = 0; token < p.list.size(); ++token)
    for (uint32_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head)
      for (uint32_t chunk = 0; chunk < p.args.max_chunks; ++chunk) grid.push_back({token, kv_head, chunk});

  bool finite = true, same = true, cleared = true;
  std::mt19937 order(shape.head_dim);
  const auto compare = [&](const auto& heads, const std::vector<float>& expected, bool fresh) {
    for (float x : expected) finite &= std::isfinite(x);
    for (int round = 0; round < 20; ++round) {
      std::shuffle(grid.begin(), grid.end(), order);
      p.forget();
      if (fresh) p.forget_own_rows();
      for (const Piece& at : grid)
        attend_and_merge<KvType::f32, 0>(group, heads, p.counters.data(), at.token, at.kv_head, at.chunk,
                                         shared.data());
      same &= std::memcmp(p.out.data(), expected.data(), expected.size() * sizeof(float)) == 0;
      for (uint32_t counter : p.counters) cleared &= counter == 0;
    }
  };
  compare(FinishedHeads{p.args}, in_two_launches(p, group, grid, shared.data()), false);

  const std::vector<float> qkv = p.qkv;
  p.forget_own_rows();
  const uint32_t vectors = p.finish.tokens * (shape.heads + 2 * shape.kv_heads);
  for (uint32_t vector = 0; vector < vectors; ++vector)
    finish_heads<KvType::f32>(group, p.finish, vector, shared.data());
  const std::vector<float> expected = in_two_launches(p, group, grid, shared.data());
  std::copy(qkv.begin(), qkv.end(), p.qkv.begin());
  compare(FreshHeads{p.args, p.finish}, expected, true);

  char text[160];
  std::snprintf(text, sizeof text, "decode attention: %u/%u heads of %u: results%s%s%s", shape.heads,
                shape.kv_heads, shape.head_dim, finite ? "" : " are not finite,",
                same ? " have the same bits" : " differ",
                cleared ? ", counters are 0" : ", counters are not 0");
  emulation::report(finite && same && cleared, text);
}

}  // namespace

void check_decode_attention() {
  check({64, 4, 1}, {0, 63, 64, 127, 128, 2047});
  check({128, 20, 5}, {5, 64, 600});
  check({80, 7, 1}, {200, 1});
  check({16, 3, 3}, {511, 512, 513});
}

}  // namespace openelm::gpu::cuda
