// The engine from several threads at once, without Node.js, so that ThreadSanitizer sees all there is to see:
// thread pool, forward pass, sessions that share a model, abort from outside, batches, grammars. Prints TAP.

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "batch_check.h"
#include "cpu/dispatch.h"
#include "fixture.h"
#include "gpu_check.h"
#include "grammar_check.h"
#include "model/session.h"

namespace openelm {
namespace {

/// Logits after a prompt in two batches and a few tokens one by one.
std::vector<float> run(const std::shared_ptr<Model>& model, int32_t first) {
  std::vector<float> logits(kVocab);
  auto session = Session::create(model, kContext, KvType::f16, 16);
  if (!session.ok() || !session.value->evaluate(some_ids(27, first), LogitsMode::last, logits.data()).ok())
    return {};
  for (int32_t id = 0; id < 8; ++id)
    if (!session.value->evaluate(some_ids(1, id), LogitsMode::last, logits.data()).ok()) return {};
  return logits;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_variant(const KernelTable& kernels, Report& report) {
  const std::string isa = kernels.name;
  const auto expected = run(make_model(kernels, 1), 3);
  for (const unsigned threads : {2u, 3u, 5u})
    report.result(same(expected, run(make_model(kernels, threads), 3)),
                  isa + ": logits with " + std::to_string(threads) + " threads are those with 1");

  const auto shared = make_model(kernels, 2);
  std::vector<std::vector<float>> results(3);
  std::vector<std::thread> users;
  for (std::vector<float>& result : results)
    users.emplace_back([&shared, &result] { result = run(shared, 3); });
  for (std::thread& user : users) user.join();
  bool all = true;
  for (const auto& result : results) all = all && same(expected, result);
  report.result(all, isa + ": three sessions at once on one model each get their own logits");

  auto session = Session::create(shared, kContext, KvType::f32, 4);
  std::atomic<bool> finished{false};
  std::thread stopper([&] {
    while (!finished) session.value->abort();
  });
  const Status status = session.value->evaluate(some_ids(90, 1), LogitsMode::none, nullptr);
  finished = true;
  stopper.join();
  report.result(status.ok() || status.code() == Code::aborted, isa + ": aborted from another thread");
  session.value->resume();
  session.value->truncate(0);
  std::vector<float> logits(kVocab);
  report.result(session.value->evaluate(some_ids(5, 1), LogitsMode::last, logits.data()).ok(),
                isa + ": goes on after an abort");
}

}  // namespace
}  // namespace openelm

int main() {
  openelm::Report report;
  openelm::check_grammar(report);
  for (const openelm::Variant& variant : openelm::variants())
    if (variant.supported) {
      openelm::check_variant(variant.table, report);
      openelm::check_batch(openelm::make_model(variant.table, 2), variant.table.name, report);
    }
  openelm::check_gpu(openelm::best_kernels(), report);
  return report.finish();
}
