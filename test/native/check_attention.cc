// Attention: against softmax in double, over a cache whose unused positions are NaN.

#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "memory.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"
#include "random.h"

namespace openelm::check {
namespace {

struct Case {
  KvType type;
  size_t head_dim, heads, kv_heads, first_pos, tokens;
  float spread;  // of queries: large ones make one position take nearly all the weight
};

DType element_type(KvType type) {
  return type == KvType::f32 ? DType::f32 : type == KvType::f16 ? DType::f16 : DType::q8_0;
}

/// A cache of `positions` filled positions of room for a few more, queries, and the exact output.
struct Problem {
  Case c;
  size_t positions, n_ctx, stride, ldq, ldo;
  Guarded k, v, q;
  std::vector<double> expected, bound;

  Problem(const Case& c, double rounding, Random& random)
      : c(c),
        positions(c.first_pos + c.tokens),
        n_ctx(positions + random.below(5)),
        stride(kv_row_bytes(c.type, c.head_dim)),
        ldq(c.heads * c.head_dim + 5),
        ldo(c.heads * c.head_dim + 2),
        k(c.kv_heads * n_ctx * stride, 64),
        v(c.kv_heads * n_ctx * stride, 64),
        q(((c.tokens - 1) * ldq + c.heads * c.head_dim) * sizeof(float), alignof(float)),
        expected(c.tokens * c.heads * c.head_dim),
        bound(expected.size()) {
    for (size_t h = 0; h < c.kv_heads; ++h)
      for (size_t p = 0; p < positions; ++p) {
        // Later keys are larger, so that a running maximum has to move.
        fill(k, h, p, 1 + static_cast<float>(p) / static_cast<float>(positions), random);
        fill(v, h, p, 1, random);
      }
    for (size_t t = 0; t < c.tokens; ++t)
      for (size_t i = 0; i < c.heads * c.head_dim; ++i)
        q.as<float>()[t * ldq + i] = random.normal() * c.spread;
    for (size_t t = 0; t < c.tokens; ++t)
      for (size_t h = 0; h < c.heads; ++h) solve(t, h, rounding);
  }

  size_t index(size_t t, size_t h, size_t i) const { return (t * c.heads + h) * c.head_dim + i; }

  AttentionArgs args(float* out, void* scratch) const {
    return {q.as<float>(),
            ldq,
            {c.type, n_ctx, k.data(), v.data()},
            c.first_pos,
            c.heads,
            c.kv_heads,
            c.head_dim,
            0,
            c.heads,
            0,
            c.tokens,
            out,
            ldo,
            scratch};
  }

 private:
  const uint8_t* row(const Guarded& cache, size_t kv_head, size_t p) const {
    return cache.data() + (kv_head * n_ctx + p) * stride;
  }

  void fill(const Guarded& cache, size_t kv_head, size_t p, float spread, Random& random) {
    std::vector<float> x(c.head_dim);
    for (float& value : x) value = random.normal() * spread;
    quantize_row(element_type(c.type), x.data(), const_cast<uint8_t*>(row(cache, kv_head, p)), c.head_dim);
  }

  void solve(size_t t, size_t h, double rounding) {
    const size_t visible = c.first_pos + t + 1, kv_head = h / (c.heads / c.kv_heads);
    const float* query = q.as<float>() + t * ldq + h * c.head_dim;
    const double scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
    std::vector<float> x(c.head_dim);
    std::vector<double> scores(visible), sum(c.head_dim), magnitude(c.head_dim);
    double largest = -INFINITY, score_error = 0, total = 0;
    for (size_t p = 0; p < visible; ++p) {
      dequantize_row(element_type(c.type), row(k, kv_head, p), x.data(), c.head_dim);
      double dot = 0, products = 0;
      for (size_t i = 0; i < c.head_dim; ++i) {
        dot += static_cast<double>(query[i]) * x[i];
        products += std::fabs(static_cast<double>(query[i]) * x[i]);
      }
      scores[p] = dot * scale;
      largest = std::max(largest, scores[p]);
      score_error = std::max(score_error, products * scale * sum_error(c.head_dim));
    }
    for (size_t p = 0; p < visible; ++p) {
      const double weight = std::exp(scores[p] - largest);
      total += weight;
      dequantize_row(element_type(c.type), row(v, kv_head, p), x.data(), c.head_dim);
      for (size_t i = 0; i < c.head_dim; ++i) {
        sum[i] += weight * x[i];
        magnitude[i] += weight * std::fabs(x[i]);
      }
    }
    // A weight is off by the errors of its score and of the largest, by exp, and the sum by its roundings;
    // the division by the total doubles that. Then come the roundings of weights and values, with their
    // product.
    const double relative =
        2 * (std::expm1(2 * score_error) + kExpError + sum_error(visible)) + 1.01 * rounding;
    for (size_t i = 0; i < c.head_dim; ++i) {
      expected[index(t, h, i)] = sum[i] / total;
      bound[index(t, h, i)] = relative * magnitude[i] / total + 0x1p-126;
    }
  }
};

std::string at(const Problem& p, const char* what, size_t t, size_t h, size_t i) {
  return format(
      "%s: kv type %u, head_dim %zu, %zu/%zu heads, first_pos %zu, %zu tokens: token %zu, head %zu, "
      "element %zu",
      what, static_cast<unsigned>(p.c.type), p.c.head_dim, p.c.heads, p.c.kv_heads, p.c.first_pos, p.c.tokens,
      t, h, i);
}

/// Runs the ranges of `head_step` heads × `token_step` tokens one by one and compares.
void compare(Test& test, const AttentionImpl& impl, const Problem& p, size_t head_step, size_t token_step,
             const char* what) {
  const Case& c = p.c;
  Guarded out(((c.tokens - 1) * p.ldo + c.heads * c.head_dim) * sizeof(float), alignof(float));
  for (size_t h = 0; h < c.heads; h += head_step)
    for (size_t t = 0; t < c.tokens; t += token_step) {
      const size_t head_end = std::min(c.heads, h + head_step),
                   token_end = std::min(c.tokens, t + token_step);
      Guarded scratch(impl.scratch_bytes(c.first_pos + token_end, token_end - t, head_end - h, c.head_dim),
                      64);
      AttentionArgs args = p.args(out.as<float>(), scratch.data());
      args.head_begin = h;
      args.head_end = head_end;
      args.token_begin = t;
      args.token_end = token_end;
      impl.run(args);
    }
  for (size_t t = 0; t < c.tokens; ++t)
    for (size_t h = 0; h < c.heads; ++h)
      for (size_t i = 0; i < c.head_dim; ++i)
        test.near(p.expected[p.index(t, h, i)], out.as<float>()[t * p.ldo + h * c.head_dim + i],
                  p.bound[p.index(t, h, i)], [&] { return at(p, what, t, h, i); });
  for (size_t t = 0; t + 1 < c.tokens; ++t)
    for (size_t i = c.heads * c.head_dim; i < p.ldo; ++i)
      test.expect(std::isnan(out.as<float>()[t * p.ldo + i]),
                  [&] { return at(p, what, t, c.heads, i) + ": written beyond the heads"; });
}

void check_case(Test& test, const KernelTable& table, const Case& c, Random& random) {
  const AttentionImpl& impl = table.attention;
  const Problem p(c, impl.rounding, random);
  const size_t group = c.heads / c.kv_heads;
  compare(test, impl, p, c.heads, c.tokens, "whole");
  compare(test, impl, p, group, impl.token_tile, "by kv head and tile");
  compare(test, impl, p, group == 1 ? 1 : group + 1, 3, "across kv heads");
  compare(test, impl, p, 1, 1, "one by one");
}

}  // namespace

void check_attention(Tap& tap, const KernelTable& table, bool quick) {
  constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};
  constexpr const char* kNames[] = {"f32", "f16", "q8_0"};
  for (const KvType type : kTypes) {
    const std::string name = format("%s attention %s ", table.name, kNames[static_cast<uint32_t>(type)]);
    for (const size_t head_dim : {16, 32, 48, 64, 80, 96, 128}) {
      if (type == KvType::q8_0 && head_dim % 32 != 0) continue;
      tap.run(name + format("head_dim %zu", head_dim), [&](Test& test) {
        Random random(head_dim);
        for (const size_t tokens : {1, 2, 3, 5, 8, 17, 33, 70})
          for (const size_t first_pos : {0, 1, 63, 117}) {
            if (quick && tokens * 31 % 7 != first_pos % 7) continue;
            check_case(test, table, {type, head_dim, 6, 2, first_pos, tokens, 1}, random);
          }
      });
    }
    tap.run(name + "heads", [&](Test& test) {
      Random random(11);
      constexpr size_t kHeads[][2] = {{1, 1}, {4, 4}, {4, 1}, {12, 3}, {20, 5}, {16, 1}};
      for (const auto& [heads, kv_heads] : kHeads)
        for (const size_t tokens : {1, 4, 19})
          check_case(test, table, {type, 64, heads, kv_heads, 21, tokens, 1}, random);
    });
    tap.run(name + "one position takes the weight", [&](Test& test) {
      Random random(12);
      for (const size_t tokens : {1, 40}) check_case(test, table, {type, 64, 8, 2, 90, tokens, 30}, random);
    });
    tap.run(name + "700 positions", [&](Test& test) {
      Random random(13);
      check_case(test, table, {type, 64, 4, 1, 699, 1, 1}, random);
      check_case(test, table, {type, 64, 4, 1, 663, 37, 1}, random);
      check_case(test, table, {type, 128, 2, 2, 560, 140, 1}, random);
    });
  }
}

}  // namespace openelm::check
