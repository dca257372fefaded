// Steps of one token recorded, which devices may run as chains, against the same ops one by one: the same
// bits in all that is written, or, of a subject that cannot have them, about the same numbers. What the ops
// compute is checked elsewhere.

#include <memory>

#include "gpu/caches.h"

namespace openelm::check {
namespace {

constexpr float kEps = 1e-6f;

struct Case {
  DType type, other;  // of most products; of the second layer's down
  KvType kv_type;
  gpu::HeadShape shape;
  uint32_t dim, ffn, vocab;
  uint32_t position;
};

struct Layer {
  std::unique_ptr<MatrixOnDevice> qkv, attn_out, gate, up, down;
  std::unique_ptr<OnDevice<float>> attn_norm, ffn_norm, q_norm, k_norm;
};

/// Two layers and logits, on a device.
struct Problem {
  Problem(Test& test, const Subject& s, const Case& c)
      : subject(s),
        c(c),
        random(c.dim + c.position),
        n_ctx(c.position + 3),
        sequence(s, c.kv_type, c.shape, n_ctx),
        residual(s, c.dim),
        qkv(s, width()),
        attn(s, size_t{c.shape.heads} * c.shape.head_dim),
        ffn(s, c.ffn),
        logits(s, c.vocab),
        rope(s, random_floats(size_t{n_ctx} * c.shape.head_dim, 1, random)),
        list(s, {sequence.token(c.position)}),
        start(random_floats(c.dim, 1, random)) {
    for (size_t part = 0; part < 2; ++part)
      for (size_t head = 0; head < c.shape.kv_heads; ++head)
        for (size_t p = 0; p < c.position; ++p) sequence.fill(part, head, p, 1, random);
    const uint32_t attn_cols = c.shape.heads * c.shape.head_dim;
    for (Layer& layer : layers) {
      const DType down = &layer == layers ? c.type : c.other;
      layer.qkv = matrix(test, c.type, width(), c.dim);
      layer.attn_out = matrix(test, c.type, c.dim, attn_cols);
      layer.gate = matrix(test, c.type, c.ffn, c.dim);
      layer.up = matrix(test, c.type, c.ffn, c.dim);
      layer.down = matrix(test, down, c.dim, c.ffn);
      layer.attn_norm = floats(c.dim);
      layer.ffn_norm = floats(c.dim);
      layer.q_norm = floats(c.shape.head_dim);
      layer.k_norm = floats(c.shape.head_dim);
    }
    output = matrix(test, c.type, c.vocab, c.dim);
    output_norm = floats(c.dim);
    const uint32_t cols = std::max({c.dim, c.ffn, attn_cols}), rows = std::max({cols, width(), c.vocab});
    test.expect(s.device.reserve(1, cols, rows, c.shape, n_ctx).ok(), [] { return std::string("reserve"); });
  }

  uint32_t width() const { return (c.shape.heads + 2 * c.shape.kv_heads) * c.shape.head_dim; }

  void enqueue() const {
    gpu::Device& d = subject.device;
    gpu::DeviceBatch batch;
    batch.tokens = batch.single_tokens = 1;
    batch.list = list.at();
    batch.max_positions = n_ctx;
    for (const Layer& layer : layers) {
      d.matmul(**layer.qkv, residual.at(), 1, layer.attn_norm->at(), kEps, qkv.at(), width(),
               gpu::Store::set);
      d.fresh_attention(qkv.at(), c.shape, layer.q_norm->at(), layer.k_norm->at(), kEps, rope.at(), n_ctx,
                        batch, layout_of(c.kv_type, c.shape), attn.at());
      d.matmul(**layer.attn_out, attn.at(), 1, 0, kEps, residual.at(), c.dim, gpu::Store::add);
      d.gated_matmul(**layer.gate, **layer.up, residual.at(), 1, layer.ffn_norm->at(), kEps, ffn.at());
      d.matmul(**layer.down, ffn.at(), 1, 0, kEps, residual.at(), c.dim, gpu::Store::add);
    }
    d.matmul(**output, residual.at(), 1, output_norm->at(), kEps, logits.at(), c.vocab, gpu::Store::set);
  }

  /// What is there after run(): logits, residual, and the last layer's vectors; then the cache.
  template <class Run>
  std::vector<float> results(Test& test, std::vector<uint8_t>& cache, Run run) {
    residual.set(start);
    sequence.memory.set(sequence.bytes);
    run();
    std::vector<float> all = logits.get(test);
    for (const OnDevice<float>* vector : {&residual, &attn, &ffn}) {
      const std::vector<float> values = vector->get(test);
      all.insert(all.end(), values.begin(), values.end());
    }
    cache = sequence.memory.get(test);
    return all;
  }

  const Subject& subject;
  const Case& c;
  Random random;
  uint32_t n_ctx;
  Sequence sequence;
  OnDevice<float> residual, qkv, attn, ffn, logits, rope;
  OnDevice<gpu::BatchToken> list;
  std::vector<float> start;
  Layer layers[2];
  std::unique_ptr<MatrixOnDevice> output;
  std::unique_ptr<OnDevice<float>> output_norm;

 private:
  std::unique_ptr<MatrixOnDevice> matrix(Test& test, DType type, size_t rows, size_t cols) {
    const std::vector<uint8_t> data = random_matrix(type, rows, cols, random);
    return std::make_unique<MatrixOnDevice>(test, subject, type, rows, cols, data.data());
  }
  std::unique_ptr<OnDevice<float>> floats(size_t count) {
    return std::make_unique<OnDevice<float>>(subject, random_floats(count, 1, random));
  }
};

void check_case(Test& test, const Subject& s, const Case& c) {
  Problem problem(test, s, c);
  std::vector<uint8_t> expected_cache, cache;
  const std::vector<float> expected = problem.results(test, expected_cache, [&] { problem.enqueue(); });
  if (!s.device.begin_recording()) return;
  problem.enqueue();
  const std::unique_ptr<gpu::Device::Recording> recording = s.device.end_recording();
  test.expect(recording != nullptr, [] { return std::string("recording"); });
  if (!recording) return;
  for (int round = 0; round < 2; ++round) {  // what a launch counted must not be there for the next
    std::vector<float> actual = problem.results(test, cache, [&] { recording->replay(); });
    plant(s, actual, actual.size() / 2);
    const auto describe = [&] {
      return format("%s, %s, dim %u, ffn %u, at %u, round %d: ", dtype_info(c.type).name, kv_name(c.kv_type),
                    c.dim, c.ffn, c.position, round);
    };
    test.expect(!s.same_bits || cache == expected_cache,
                [&] { return describe() + "other bytes in the cache"; });
    float bound = 0;  // a key or value that is rounded otherwise
    if (!s.same_bits)
      for (const float value : expected) bound = std::max(bound, std::fabs(value) * 5e-3f);
    for (size_t i = 0; i < expected.size(); ++i)
      test.expect(std::isfinite(expected[i]) && std::fabs(actual[i] - expected[i]) <= bound, [&] {
        return describe() + format("element %zu is %.9g, one by one %.9g", i, static_cast<double>(actual[i]),
                                   static_cast<double>(expected[i]));
      });
  }
}

}  // namespace

void check_chain(Tap& tap, const Subject& s) {
  for (const DType type : {DType::q8_0, DType::q4_0}) {
    const DType other = type == DType::q8_0 ? DType::q4_0 : DType::q8_0;
    tap.run(format("%s recorded step %s", s.name.c_str(), dtype_info(type).name), [&](Test& test) {
      // One chunk of positions and several, odd numbers of rows, fewer rows than groups; columns that no
      // chain has, and a type that breaks the step into two.
      check_case(test, s, {type, other, KvType::f16, {4, 2, 64}, 256, 512, 37, 0});
      check_case(test, s, {type, DType::f16, KvType::q8_0, {6, 2, 128}, 512, 256, 2, 70});
      check_case(test, s, {type, type, KvType::f16, {4, 1, 64}, 96, 160, 19, 65});
      if (s.quick) return;
      check_case(test, s, {type, other, KvType::f32, {12, 3, 64}, 768, 2304, 33, 63});
      check_case(test, s, {type, type, KvType::f16, {12, 4, 128}, 3072, 6400, 1001, 300});
      check_case(test, s, {type, DType::q6_k, KvType::f16, {20, 5, 64}, 1280, 2560, 515, 129});
    });
  }
}

}  // namespace openelm::check
