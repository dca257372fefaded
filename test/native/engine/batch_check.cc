#include "batch_check.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "model/batch/batch_engine.h"
#include "model/session.h"

namespace openelm {
namespace {

constexpr size_t kUsers = 3;

/// Prompts of many lengths, some with a beginning in common.
GenerateRequest request(const BatchLoad& load, size_t i) {
  GenerateRequest request;
  request.ids = some_ids(1 + i * 17 % load.longest, static_cast<int32_t>(i % 2));
  request.max_tokens = 1 + i % 12;
  request.sampling.temperature = i % 3 == 0 ? 0.0f : 1.0f;
  request.sampling.seed = i;
  return request;
}

/// What a request says.
struct Said {
  std::vector<int32_t> tokens;
  std::string text;
};

Said alone(const std::shared_ptr<Model>& model, const Tokenizer& tokenizer, GenerateRequest request) {
  Said said;
  auto session = Session::create(model, kContext, KvType::f16, 512);
  if (!session.ok()) return said;
  auto result = generate(*session.value, tokenizer, std::move(request),
                         [&said](std::string text) { said.text += text; });
  said.tokens = std::move(result.value.tokens);
  return said;
}

/// What came of all requests.
struct Results {
  explicit Results(size_t count) : results(count), delivered(count) {}

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<GenerateResult> results;
  std::vector<std::string> delivered;
  size_t done = 0, failed = 0;

  SequenceSink sink(size_t i) {
    return {[this, i](std::string text) { delivered[i] += text; },
            [this, i](Result<GenerateResult> result) {
              const std::lock_guard lock(mutex);
              if (result.ok())
                results[i] = std::move(result.value);
              else
                ++failed;
              ++done;
              changed.notify_all();
            }};
  }
  void wait(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done >= count; });
  }
};

bool begins(const std::vector<int32_t>& all, const std::vector<int32_t>& part) {
  return part.size() <= all.size() && std::equal(part.begin(), part.end(), all.begin());
}

}  // namespace

std::shared_ptr<const Tokenizer> make_tokenizer() {
  Vocab vocab;
  for (size_t i = 0; i < kVocab; ++i) {
    vocab.pieces.push_back("piece" + std::to_string(i));
    vocab.scores.push_back(0);
    vocab.types.push_back(PieceType::kNormal);
  }
  auto tokenizer = Tokenizer::create(std::move(vocab));
  if (!tokenizer.ok()) std::printf("# %s\n", tokenizer.status.message().c_str());
  return std::move(tokenizer.value);
}

void check_batch(const std::shared_ptr<Model>& model, const std::string& name, Report& report,
                 const BatchLoad& load) {
  const size_t requests = load.requests;
  const auto tokenizer = make_tokenizer();
  BatchOptions options;
  options.slots = 3;
  options.n_ctx = kContext;
  options.step_tokens = load.longest / 2;  // so that some prompts take several steps
  auto created = BatchEngine::create(model, tokenizer, options);
  report.result(created.ok() && tokenizer, name + ": a batch is made");
  if (!created.ok()) return;
  BatchEngine& engine = *created.value;
  std::thread runner([&] { engine.run(); });

  Results results(kUsers * requests);
  std::atomic<size_t> refused{0};
  std::vector<std::thread> users;
  for (size_t user = 0; user < kUsers; ++user) {
    users.emplace_back([&, user] {
      for (size_t i = user * requests; i < (user + 1) * requests; ++i) {
        if (!engine.submit(i, request(load, i), results.sink(i)).ok()) ++refused;
        if (i % 4 == 3) engine.cancel(i - i % 3);
      }
    });
  }
  for (std::thread& user : users) user.join();
  results.wait(kUsers * requests);
  bool same = true, whole = true;
  for (size_t i = 0; i < kUsers * requests; ++i) {
    const Said expected = alone(model, *tokenizer, request(load, i));
    const GenerateResult& result = results.results[i];
    const bool aborted = result.reason == FinishReason::aborted;
    same = same && !expected.tokens.empty() &&
           (aborted ? begins(expected.tokens, result.tokens) : result.tokens == expected.tokens);
    whole = whole && (aborted ? expected.text.starts_with(results.delivered[i])
                              : results.delivered[i] == expected.text);
  }
  report.result(refused == 0 && results.failed == 0, name + ": every request was taken and answered");
  report.result(same, name + ": sequences in a batch say what each says alone");
  report.result(whole, name + ": pieces hold all text");

  Results closing(requests);
  for (size_t i = 0; i < requests; ++i) {
    GenerateRequest endless = request(load, i);
    endless.max_tokens = kContext;
    if (!engine.submit(i, std::move(endless), closing.sink(i)).ok()) ++refused;
  }
  engine.close();
  runner.join();
  report.result(closing.done + refused == requests, name + ": closing ends all");
  report.result(engine.submit(0, request(load, 0), closing.sink(0)).code() == Code::disposed,
                name + ": nothing is taken after that");
}

}  // namespace openelm
