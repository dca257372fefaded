// Attention of single tokens and of tiles, over caches whose other positions are NaN.

#include <algorithm>

#include "gpu/caches.h"

namespace openelm::check {
namespace {

/// Consecutive tokens of one sequence.
struct Run {
  size_t first_position, tokens;
};

struct Case {
  KvType type;
  gpu::HeadShape shape;
  std::vector<Run> runs;  // of one token: attends alone; such runs come first
  float spread;           // of queries: large ones make one position take nearly all the weight
};

/// One query's exact output and bounds; `exact_inputs` false: operands may round to bf16 on the way.
void solve(const Sequence& sequence, const float* query, size_t kv_head, size_t position, bool bf16,
           std::vector<double>* out, std::vector<double>* bound) {
  const size_t head_dim = sequence.shape.head_dim, visible = position + 1;
  const double scale = 1 / std::sqrt(static_cast<double>(head_dim));
  const double product_error = sum_error(head_dim) + (bf16 ? 0x1p-7 + 0x1p-16 : 0);
  std::vector<float> x(head_dim);
  std::vector<double> scores(visible), magnitude(head_dim);
  double largest = -INFINITY, score_error = 0, total = 0;
  for (size_t p = 0; p < visible; ++p) {
    sequence.row(0, kv_head, p, x.data());
    double dot = 0, products = 0;
    for (size_t i = 0; i < head_dim; ++i) {
      dot += static_cast<double>(query[i]) * x[i];
      products += std::fabs(static_cast<double>(query[i]) * x[i]);
    }
    scores[p] = dot * scale;
    largest = std::max(largest, scores[p]);
    score_error = std::max(score_error, products * scale * product_error);
  }
  out->assign(head_dim, 0);
  for (size_t p = 0; p < visible; ++p) {
    const double weight = std::exp(scores[p] - largest);
    total += weight;
    sequence.row(1, kv_head, p, x.data());
    for (size_t i = 0; i < head_dim; ++i) {
      (*out)[i] += weight * x[i];
      magnitude[i] += weight * std::fabs(x[i]);
    }
  }
  // A weight is off by the errors of its score and of the largest, by exp (of a chunk and of merging chunks),
  // and the sum by its roundings; the division by the total doubles that.
  const double relative =
      2 * (std::expm1(2 * score_error) + 2 * kExpError + sum_error(visible)) + (bf16 ? 0x1p-7 + 0x1p-16 : 0);
  bound->resize(head_dim);
  for (size_t i = 0; i < head_dim; ++i) {
    (*out)[i] /= total;
    (*bound)[i] = relative * magnitude[i] / total + 0x1p-126;
  }
}

void check_case(Test& test, const Subject& s, const Case& c, Random& random) {
  const size_t head_dim = c.shape.head_dim, heads = c.shape.heads, kv_heads = c.shape.kv_heads;
  std::vector<Sequence> sequences;
  std::vector<gpu::BatchToken> list;
  std::vector<gpu::AttentionTile> tiles;
  std::vector<size_t> sequence_of;
  gpu::DeviceBatch batch;
  for (const Run& run : c.runs) {
    const size_t positions = run.first_position + run.tokens;
    Sequence& sequence = sequences.emplace_back(s, c.type, c.shape, positions + random.below(3));
    for (size_t part = 0; part < 2; ++part)
      for (size_t h = 0; h < kv_heads; ++h)
        for (size_t p = 0; p < positions;
             ++p)  // later keys are larger, so that a running maximum has to move
          sequence.fill(part, h, p, part ? 1 : 1 + static_cast<float>(p) / static_cast<float>(positions),
                        random);
    sequence.memory.set(sequence.bytes);
    batch.max_positions = std::max(batch.max_positions, static_cast<uint32_t>(positions));
    if (run.tokens == 1)
      ++batch.single_tokens;
    else
      for (size_t first = 0; first < run.tokens; first += s.device.attention_tile())
        tiles.push_back(
            {static_cast<uint32_t>(list.size() + first),
             static_cast<uint32_t>(std::min<size_t>(run.tokens - first, s.device.attention_tile()))});
    for (size_t t = 0; t < run.tokens; ++t) {
      list.push_back(sequence.token(run.first_position + t));
      sequence_of.push_back(sequences.size() - 1);
    }
  }
  const size_t n = list.size(), row = (heads + 2 * kv_heads) * head_dim;
  batch.tokens = static_cast<uint32_t>(n);
  batch.tile_count = static_cast<uint32_t>(tiles.size());
  const std::vector<float> qkv = random_floats(n * row, c.spread, random);
  const OnDevice<float> on_qkv(s, qkv), out(s, n * heads * head_dim);
  const OnDevice<gpu::BatchToken> on_list(s, list);
  const OnDevice<gpu::AttentionTile> on_tiles(s, tiles.empty() ? std::vector<gpu::AttentionTile>(1) : tiles);
  batch.list = on_list.at();
  batch.tiles = on_tiles.at();
  test.expect(s.device.reserve(batch.tokens, 32, 32, c.shape, batch.max_positions).ok(),
              [] { return std::string("reserve"); });
  s.device.attention(on_qkv.at(), c.shape, batch, layout_of(c.type, c.shape), out.at());
  std::vector<float> actual = out.get(test);
  plant(s, actual, random.below(actual.size()));

  std::vector<double> expected, bound;
  for (size_t t = 0; t < n; ++t)
    for (size_t h = 0; h < heads; ++h) {
      const bool bf16 = s.bf16 && t >= batch.single_tokens;
      solve(sequences[sequence_of[t]], qkv.data() + t * row + h * head_dim, h / (heads / kv_heads),
            list[t].position, bf16, &expected, &bound);
      for (size_t i = 0; i < head_dim; ++i)
        test.near(expected[i], actual[(t * heads + h) * head_dim + i], bound[i], [&] {
          return format("head_dim %zu, %zu/%zu heads, %zu tokens: token %zu at %u, head %zu, element %zu",
                        head_dim, heads, kv_heads, n, t, list[t].position, h, i);
        });
    }
}

}  // namespace

void check_attention(Tap& tap, const Subject& s) {
  for (const KvType type : kKvTypes) {
    const std::string name = format("%s attention %s ", s.name.c_str(), kv_name(type));
    for (const uint32_t head_dim : {16u, 48u, 64u, 80u, 96u, 128u}) {
      if (type == KvType::q8_0 && head_dim % 32 != 0) continue;
      tap.run(name + format("head_dim %u", head_dim), [&](Test& test) {
        Random random(head_dim);
        // Around the ends of chunks of 32, 64, 128 and 256 positions, alone and together.
        for (const size_t position : {0, 1, 31, 32, 63, 64, 65, 127, 128, 150, 256})
          if (!s.quick || position < 66)
            check_case(test, s, {type, {8, 2, head_dim}, {{position, 1}}, 1}, random);
        check_case(test, s, {type, {4, 1, head_dim}, {{130, 1}, {0, 1}, {64, 1}, {7, 5}, {0, 19}}, 1},
                   random);
        for (const size_t tokens : {2, 9, 17, 40})
          check_case(test, s, {type, {4, 2, head_dim}, {{tokens % 3 * 17, tokens}}, 1}, random);
      });
    }
    tap.run(name + "heads", [&](Test& test) {
      Random random(11);
      for (const gpu::HeadShape shape :
           {gpu::HeadShape{1, 1, 64}, {4, 4, 64}, {3, 1, 64}, {12, 3, 64}, {7, 1, 64}})
        check_case(test, s, {type, shape, {{70, 1}, {3, 6}}, 1}, random);
    });
    tap.run(name + "one position takes the weight", [&](Test& test) {
      Random random(12);
      check_case(test, s, {type, {8, 2, 64}, {{90, 1}, {60, 20}}, 30}, random);
    });
  }
}

}  // namespace openelm::check
