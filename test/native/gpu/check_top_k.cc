// The largest logits: against a stable sort, with ties, NaN, infinities and too few.

#include <algorithm>
#include <numeric>

#include "gpu/exact.h"
#include "gpu/subject.h"
#include "gpu/types.h"

namespace openelm::check {
namespace {

std::vector<gpu::Candidate> expected_of(const float* logits, size_t vocab, size_t k) {
  std::vector<int32_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int32_t id) { return std::isnan(logits[id]); });
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  std::vector<gpu::Candidate> best(k, {-INFINITY, -1});
  for (size_t i = 0; i < std::min(k, order.size()); ++i) best[i] = {logits[order[i]], order[i]};
  return best;
}

void check_logits(Test& test, const Subject& s, const std::vector<float>& logits, size_t n, size_t k) {
  const size_t vocab = logits.size() / n;
  test.expect(
      s.device.reserve(static_cast<uint32_t>(n), 32, static_cast<uint32_t>(vocab), {1, 1, 16}, 64).ok(),
      [] { return std::string("reserve"); });
  const OnDevice<float> on_logits(s, logits);
  const OnDevice<gpu::Candidate> out(s, n * k);
  s.device.top_k(on_logits.at(), static_cast<uint32_t>(vocab), static_cast<uint32_t>(n),
                 static_cast<uint32_t>(k), out.at());
  std::vector<gpu::Candidate> actual = out.get(test);
  if (s.plant) actual.back().id += 1;
  for (size_t t = 0; t < n; ++t) {
    const std::vector<gpu::Candidate> expected = expected_of(logits.data() + t * vocab, vocab, k);
    for (size_t i = 0; i < k; ++i) {
      const gpu::Candidate e = expected[i], a = actual[t * k + i];
      test.expect(e.id == a.id && (e.id < 0 || e.logit == a.logit), [&] {
        return format("vocab %zu, k %zu, row %zu, place %zu: %d (%g), not %d (%g)", vocab, k, t, i, a.id,
                      static_cast<double>(a.logit), e.id, static_cast<double>(e.logit));
      });
    }
  }
}

}  // namespace

void check_top_k(Tap& tap, const Subject& s) {
  const size_t most = s.device.max_top_k();
  tap.run(s.name + " top_k random", [&](Test& test) {
    Random random(80);
    for (const size_t vocab : {1, 31, 1000, 1024, 1025, 32000})
      for (const size_t k : {size_t{1}, size_t{2}, size_t{40}, most}) {
        if (s.quick && vocab > 2000 && k == 2) continue;
        check_logits(test, s, random_floats(vocab * 2, 5, random), 2, k);
      }
  });
  tap.run(s.name + " top_k ties", [&](Test& test) {
    Random random(81);
    for (const size_t k : {size_t{1}, size_t{7}, most}) {
      std::vector<float> logits(2500);
      for (float& x : logits) x = static_cast<float>(random.below(4)) - 2;
      for (size_t i = 0; i < logits.size(); i += 3)
        if (logits[i] == 0) logits[i] = -0.0f;
      check_logits(test, s, logits, 1, k);
      check_logits(test, s, std::vector<float>(1500, 1.0f), 1, k);
      check_logits(test, s, std::vector<float>(1500, -INFINITY), 1, k);
    }
  });
  tap.run(s.name + " top_k not finite", [&](Test& test) {
    Random random(82);
    for (const size_t k : {size_t{1}, size_t{5}, most}) {
      std::vector<float> logits = random_floats(2 * 2100, 1, random);
      for (size_t i = 0; i < logits.size(); i += 2) logits[i] = random.below(2) ? NAN : -NAN;
      logits[2099] = INFINITY;
      logits[77] = -INFINITY;
      check_logits(test, s, logits, 2, k);
      // The last two are the only numbers, then none is.
      std::fill(logits.begin(), logits.end() - 2, NAN);
      check_logits(test, s, logits, 2, k);
      std::fill(logits.begin(), logits.end(), NAN);
      check_logits(test, s, logits, 2, k);
    }
  });
}

}  // namespace openelm::check
