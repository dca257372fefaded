// From projections to heads: norms and rotation of queries and keys, and what lands in the caches.

#include <algorithm>

#include "gpu/caches.h"

namespace openelm::check {
namespace {

constexpr uint32_t kRopePositions = 40;
constexpr float kEps = 1e-6f;

/// A head after its norm and rotation, in double, and how far each element may be off.
struct Rotated {
  std::vector<double> x, bound;

  Rotated(const float* from, const std::vector<float>& norm, const float* cosines, const float* sines)
      : x(norm.size()), bound(norm.size()) {
    const Normalized normalized(from, norm.data(), kEps, norm.size());
    const size_t middle = norm.size() / 2;
    for (size_t i = 0; i < middle; ++i) {
      const double a = normalized.x[i], b = normalized.x[i + middle], c = cosines[i], s = sines[i];
      x[i] = a * c - b * s;
      x[i + middle] = b * c + a * s;
      bound[i] = bound[i + middle] =
          (std::fabs(a) + std::fabs(b)) * (normalized.relative + 3 * kUnit) + 1e-37;
    }
  }
};

/// What the cache's type adds to an element's error: a rounding.
double stored_error(KvType type, const std::vector<double>& x, size_t i) {
  if (type == KvType::f32) return 0;
  if (type == KvType::f16) return std::fabs(x[i]) * 0x1p-11 * 1.001 + 0x1p-25;
  double largest = 0;
  for (size_t j = i / 32 * 32; j < i / 32 * 32 + 32; ++j) largest = std::max(largest, std::fabs(x[j]));
  return largest * (0.5 / 127 + 0x1p-11) * 1.01 + 0x1p-24 * 127;
}

void check_batch(Test& test, const Subject& s, KvType type, const gpu::HeadShape& shape,
                 const std::vector<uint32_t>& positions, Random& random) {
  const size_t head_dim = shape.head_dim, per_token = shape.heads + 2 * shape.kv_heads, n = positions.size();
  const std::vector<float> qkv = random_floats(n * per_token * head_dim, 2, random);
  const std::vector<float> q_norm = random_floats(head_dim, 1, random),
                           k_norm = random_floats(head_dim, 1, random);
  std::vector<float> rope(2 * kRopePositions * head_dim / 2);
  for (size_t i = 0; i < rope.size() / 2; ++i) {
    const double angle = random.uniform(0, 7);
    rope[i] = static_cast<float>(std::cos(angle));
    rope[rope.size() / 2 + i] = static_cast<float>(std::sin(angle));
  }
  // Two sequences take turns.
  const Sequence sequences[] = {{s, type, shape, kRopePositions}, {s, type, shape, kRopePositions - 3}};
  std::vector<gpu::BatchToken> list;
  for (size_t t = 0; t < n; ++t) list.push_back(sequences[t % 2].token(positions[t]));
  const OnDevice<float> on_qkv(s, qkv), on_q_norm(s, q_norm), on_k_norm(s, k_norm), on_rope(s, rope);
  const OnDevice<gpu::BatchToken> on_list(s, list);
  gpu::DeviceBatch batch;
  batch.tokens = static_cast<uint32_t>(n);
  batch.single_tokens = batch.tokens;
  batch.list = on_list.at();
  batch.max_positions = kRopePositions;
  s.device.finish_heads(on_qkv.at(), shape, on_q_norm.at(), on_k_norm.at(), kEps, on_rope.at(),
                        kRopePositions, batch, layout_of(type, shape));
  std::vector<float> actual = on_qkv.get(test);
  plant(s, actual, (n - 1) * per_token * head_dim);
  const std::vector<uint8_t> caches[] = {sequences[0].memory.get(test), sequences[1].memory.get(test)};
  std::vector<std::vector<uint8_t>> touched{sequences[0].bytes, sequences[1].bytes};

  const auto describe = [&](size_t t, size_t head, size_t i) {
    return format("kv %s, head_dim %zu, %u/%u heads: token %zu of %zu, head %zu, element %zu", kv_name(type),
                  head_dim, shape.heads, shape.kv_heads, t, n, head, i);
  };
  std::vector<float> stored(head_dim);
  for (size_t t = 0; t < n; ++t) {
    const Sequence& sequence = sequences[t % 2];
    const float* cosines = rope.data() + positions[t] * head_dim / 2;
    for (size_t head = 0; head < per_token; ++head) {
      const float* from = qkv.data() + (t * per_token + head) * head_dim;
      const bool query = head < shape.heads, value = head >= shape.heads + shape.kv_heads;
      const Rotated rotated(from, query ? q_norm : k_norm, cosines, cosines + rope.size() / 2);
      if (query) {
        for (size_t i = 0; i < head_dim; ++i)
          test.near(rotated.x[i], actual[(t * per_token + head) * head_dim + i], rotated.bound[i],
                    [&] { return describe(t, head, i); });
        continue;
      }
      const size_t offset =
          sequence.row_offset(value, head - shape.heads - (value ? shape.kv_heads : 0), positions[t]);
      const uint8_t* row = caches[t % 2].data() + offset;
      std::copy_n(row, sequence.stride, touched[t % 2].data() + offset);
      dequantize_row(element_type(type), row, stored.data(), head_dim);
      const std::vector<double> plain(from, from + head_dim);
      for (size_t i = 0; i < head_dim; ++i) {
        const double exact = value ? plain[i] : rotated.x[i];
        const double bound =
            stored_error(type, value ? plain : rotated.x, i) + (value ? 0 : 1.01 * rotated.bound[i]);
        test.near(exact, stored[i], bound, [&] { return describe(t, head, i) + ", in the cache"; });
      }
      if (!value) continue;
      // Values are stored as they are: the same bytes as the quantizer's.
      std::vector<uint8_t> expected(sequence.stride);
      quantize_row(element_type(type), from, expected.data(), head_dim);
      test.expect(std::memcmp(expected.data(), row, expected.size()) == 0,
                  [&] { return describe(t, head, 0) + ": other bytes than the quantizer's"; });
    }
  }
  for (size_t i = 0; i < 2; ++i)
    test.expect(caches[i] == touched[i],
                [&] { return describe(i, 0, 0) + ": other rows of the cache changed"; });
}

}  // namespace

void check_heads(Tap& tap, const Subject& s) {
  for (const KvType type : kKvTypes)
    tap.run(format("%s finish_heads %s", s.name.c_str(), kv_name(type)), [&](Test& test) {
      Random random(90);
      for (const uint32_t head_dim : {16u, 48u, 64u, 80u, 96u, 128u}) {
        if (type == KvType::q8_0 && head_dim % 32 != 0) continue;
        check_batch(test, s, type, {4, 1, head_dim}, {0}, random);
        check_batch(test, s, type, {6, 3, head_dim}, {5, 5, 36, 0, 7}, random);
        if (!s.quick)
          check_batch(test, s, type, {20, 5, head_dim}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, random);
      }
    });
}

}  // namespace openelm::check
