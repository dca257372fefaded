// Attention that finishes heads itself, against finish_heads and attention one after the other: the same bits
// in the results and in the caches. What those two compute is checked elsewhere.

#include <algorithm>

#include "gpu/caches.h"

namespace openelm::check {
namespace {

constexpr float kEps = 1e-6f;

struct Case {
  KvType type;
  gpu::HeadShape shape;
  std::vector<uint32_t> positions;  // of tokens, each of a sequence of its own
};

/// Sequences whose earlier positions are there; what comes out for a token of each.
struct Problem {
  Problem(const Subject& s, const Case& c, uint64_t seed)
      : subject(s),
        c(c),
        random(seed),
        positions(*std::max_element(c.positions.begin(), c.positions.end()) + 1) {
    const size_t head_dim = c.shape.head_dim;
    q_norm = random_floats(head_dim, 1, random);
    k_norm = random_floats(head_dim, 1, random);
    rope = random_floats(positions * head_dim, 1, random);
    qkv = random_floats(c.positions.size() * (c.shape.heads + 2 * c.shape.kv_heads) * head_dim, 2, random);
    for (const uint32_t position : c.positions) {
      Sequence& sequence = sequences.emplace_back(s, c.type, c.shape, position + 1 + random.below(3));
      for (size_t part = 0; part < 2; ++part)
        for (size_t head = 0; head < c.shape.kv_heads; ++head)
          for (size_t p = 0; p < position; ++p) sequence.fill(part, head, p, 1, random);
    }
  }

  /// Results, [tokens][heads][head_dim]; the caches are left in `after`.
  std::vector<float> run(Test& test, bool fresh, std::vector<std::vector<uint8_t>>& after) {
    std::vector<gpu::BatchToken> list;
    for (size_t t = 0; t < sequences.size(); ++t) {
      sequences[t].memory.set(sequences[t].bytes);
      list.push_back(sequences[t].token(c.positions[t]));
    }
    const OnDevice<float> on_qkv(subject, qkv), on_q(subject, q_norm), on_k(subject, k_norm),
        on_rope(subject, rope), out(subject, list.size() * c.shape.heads * c.shape.head_dim);
    const OnDevice<gpu::BatchToken> on_list(subject, list);
    gpu::DeviceBatch batch;
    batch.tokens = batch.single_tokens = static_cast<uint32_t>(list.size());
    batch.list = on_list.at();
    batch.max_positions = positions;
    const gpu::CacheLayout layout = layout_of(c.type, c.shape);
    gpu::Device& device = subject.device;
    test.expect(device.reserve(batch.tokens, 32, 32, c.shape, positions).ok(),
                [] { return std::string("reserve"); });
    if (fresh) {
      device.fresh_attention(on_qkv.at(), c.shape, on_q.at(), on_k.at(), kEps, on_rope.at(), positions, batch,
                             layout, out.at());
    } else {
      device.finish_heads(on_qkv.at(), c.shape, on_q.at(), on_k.at(), kEps, on_rope.at(), positions, batch,
                          layout);
      device.attention(on_qkv.at(), c.shape, batch, layout, out.at());
    }
    std::vector<float> result = out.get(test);
    for (const Sequence& sequence : sequences) after.push_back(sequence.memory.get(test));
    return result;
  }

  const Subject& subject;
  const Case& c;
  Random random;
  uint32_t positions;
  std::vector<float> q_norm, k_norm, rope, qkv;
  std::vector<Sequence> sequences;
};

void check_case(Test& test, const Subject& s, const Case& c) {
  Problem problem(s, c, c.shape.head_dim + c.positions[0]);
  std::vector<std::vector<uint8_t>> expected_caches, caches;
  const std::vector<float> expected = problem.run(test, false, expected_caches);
  std::vector<float> actual = problem.run(test, true, caches);
  plant(s, actual, actual.size() / 2);
  const size_t row = size_t{c.shape.heads} * c.shape.head_dim;
  const auto describe = [&](size_t t) {
    return format("head_dim %u, %u/%u heads, token %zu of %zu at %u: ", c.shape.head_dim, c.shape.heads,
                  c.shape.kv_heads, t, c.positions.size(), c.positions[t]);
  };
  for (size_t t = 0; t < c.positions.size(); ++t) {
    test.expect(caches[t] == expected_caches[t], [&] { return describe(t) + "other bytes in the cache"; });
    for (size_t i = t * row; i < (t + 1) * row; ++i)
      test.expect(std::isfinite(expected[i]) && actual[i] == expected[i], [&] {
        return describe(t) + format("element %zu is %.9g, apart %.9g", i - t * row,
                                    static_cast<double>(actual[i]), static_cast<double>(expected[i]));
      });
  }
}

}  // namespace

void check_fresh_attention(Tap& tap, const Subject& s) {
  for (const KvType type : kKvTypes)
    tap.run(format("%s fresh attention %s", s.name.c_str(), kv_name(type)), [&](Test& test) {
      for (const uint32_t head_dim : {16u, 48u, 64u, 80u, 96u, 128u}) {
        if (type == KvType::q8_0 && head_dim % 32 != 0) continue;
        // The first position, both sides of the ends of chunks, several sequences, odd numbers of query
        // heads.
        check_case(test, s, {type, {4, 1, head_dim}, {0}});
        check_case(test, s, {type, {8, 2, head_dim}, {63, 64}});
        check_case(test, s, {type, {7, 1, head_dim}, {130, 0, 65}});
        if (s.quick) continue;
        check_case(test, s, {type, {20, 5, head_dim}, {127}});
        check_case(test, s, {type, {9, 3, head_dim}, {128, 1}});
        check_case(test, s, {type, {3, 3, head_dim}, {300, 62, 191, 7}});
      }
    });
}

}  // namespace openelm::check
