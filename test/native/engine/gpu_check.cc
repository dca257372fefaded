#include "gpu_check.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "batch_check.h"
#include "gpu/host/create.h"
#include "model/generation.h"
#include "model/session.h"

namespace openelm {
namespace {

constexpr size_t kLayers = 3;
constexpr size_t kPrompt = 45;  // for the kernels for many tokens

std::shared_ptr<Model> on_device(const KernelTable& kernels, size_t layers) {
  return make_model(kernels, 2, {gpu::host_device(size_t{1} << 28), layers});
}

/// Logits of all tokens of a prompt in batches of n_batch, then of a few tokens one by one.
std::vector<float> logits_of(const std::shared_ptr<Model>& model, size_t n_batch, KvType type) {
  constexpr size_t kMore = 3;
  std::vector<float> logits((kPrompt + kMore) * kVocab);
  auto session = Session::create(model, kContext, type, n_batch);
  if (!session.ok()) return {};
  Session& s = *session.value;
  if (!s.evaluate(some_ids(kPrompt, 3), LogitsMode::all, logits.data()).ok()) return {};
  for (size_t i = 0; i < kMore; ++i)
    if (!s.evaluate(some_ids(1, static_cast<int32_t>(i)), LogitsMode::last,
                    logits.data() + (kPrompt + i) * kVocab)
             .ok())
      return {};
  return logits;
}

/// ‖a - b‖ / ‖b‖; infinite where there is nothing, or NaN.
double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.empty() || a.size() != b.size()) return INFINITY;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  const double error = std::sqrt(difference / norm);
  return std::isnan(error) ? INFINITY : error;
}

std::string percent(double error) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", 100 * error);
  return text;
}

void check_logits(const KernelTable& kernels, Report& report) {
  const auto cpu = make_model(kernels, 2);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::q8_0}) {
    // Rounding of keys and values to 8 bits goes either way where they differ in the last bit.
    const double few = type == KvType::q8_0 ? 2e-2 : 1e-3, many = 3e-2;
    const std::string name = ", kv type " + std::to_string(static_cast<int>(type));
    const auto expected = logits_of(cpu, 1, type);
    for (size_t layers = 1; layers <= kLayers; ++layers) {
      const auto model = on_device(kernels, layers);
      for (const size_t n_batch : {size_t{1}, size_t{7}, size_t{512}}) {
        // The CPU's kernels for several tokens may round to bf16.
        const bool exact = n_batch == 1 || (n_batch <= 8 && layers == kLayers);
        const double error = relative_error(logits_of(model, n_batch, type), expected);
        report.result(error <= (exact ? few : many),
                      std::to_string(layers) + " layers on the device, batches of " +
                          std::to_string(n_batch) + name + ": " + percent(error) + " from the CPU's logits");
      }
    }
  }
}

/// What a generation says, and how many tokens its session holds then.
struct Said {
  std::vector<int32_t> tokens;
  size_t n_past = 0;
};

Said generate_on(const std::shared_ptr<Model>& model, const Tokenizer& tokenizer, GenerateRequest request) {
  auto session = Session::create(model, kContext, KvType::f16, 512);
  if (!session.ok()) return {};
  Said said;
  // Twice in one session, so that what ran ahead at the end of the first is not taken for the second's.
  for (int turn = 0; turn < 2; ++turn) {
    auto result = generate(*session.value, tokenizer, request, [](std::string) {});
    said.tokens.insert(said.tokens.end(), result.value.tokens.begin(), result.value.tokens.end());
  }
  said.n_past = session.value->n_past();
  return said;
}

/// A bias that changes nothing, but has the sampler look at all logits on the host.
GenerateRequest with_all_logits(GenerateRequest request) {
  request.sampling.logit_bias = {{0, 0.0f}};
  return request;
}

void check_generation(const KernelTable& kernels, Report& report) {
  const auto tokenizer = make_tokenizer();
  for (const size_t layers : {size_t{2}, kLayers}) {
    const auto model = on_device(kernels, layers);
    const std::string name = std::to_string(layers) + " layers on the device: ";
    GenerateRequest request;
    request.ids = some_ids(12, 5);
    request.max_tokens = 20;
    for (const int32_t top_k : {0, 5}) {
      request.sampling.temperature = top_k > 0 ? 1.5f : 0.0f;
      request.sampling.top_k = top_k;
      request.sampling.seed = 11;
      const Said best = generate_on(model, *tokenizer, request);
      const Said all = generate_on(model, *tokenizer, with_all_logits(request));
      report.result(best.tokens.size() == 40 && best.tokens == all.tokens && best.n_past == all.n_past,
                    name + (top_k > 0 ? "top_k" : "greedy") + " tokens picked there are the host's");
    }
    request.sampling = {};
    request.sampling.temperature = 0;
    const Said expected = generate_on(model, *tokenizer, request);
    request.stop_tokens = {expected.tokens.size() > 4 ? expected.tokens[4] : 0};
    const Said best = generate_on(model, *tokenizer, request);
    const Said all = generate_on(model, *tokenizer, with_all_logits(request));
    report.result(!best.tokens.empty() && best.tokens == all.tokens && best.n_past == all.n_past,
                  name + "a stop token ends what ran ahead");
    request.stop_tokens.clear();
    request.max_tokens = kContext;
    report.result(generate_on(model, *tokenizer, request).n_past == kContext,
                  name + "the context ends it too");
  }
}

/// Logits of a token behind a prompt in a cache.
std::vector<float> continued(const std::shared_ptr<Model>& model, KvCache& cache) {
  const std::vector<int32_t> id = some_ids(1, 9);
  const std::atomic<bool> stop{false};
  std::vector<float> logits(kVocab);
  const Segment segment{&cache, kPrompt, id, 1};
  return model->forward({&segment, 1}, {.logits = logits.data()}, stop).ok() ? logits : std::vector<float>();
}

/// Whether the first positions of all layers went from one cache to another.
bool move_positions(const KvCache& from, KvCache& to) {
  // More are read than are there, of which those there are taken.
  constexpr size_t kRead = kPrompt + 3;
  for (size_t layer = 0; layer < kLayers; ++layer) {
    std::vector<uint8_t> bytes(kRead * from.position_bytes(layer));
    if (!from.read_positions(layer, kRead, bytes.data()).ok() ||
        !to.write_positions(layer, bytes.data(), kRead, kPrompt).ok())
      return false;
  }
  return true;
}

void check_caches(const KernelTable& kernels, Report& report) {
  for (const size_t layers : {size_t{0}, size_t{2}, kLayers}) {
    const auto model = on_device(kernels, layers);
    const std::string name = std::to_string(layers) + " layers on the device: ";
    const bool room = model->reserve(KvType::f16, kContext, 64, 3).ok();
    auto made = [&] { return std::move(model->create_cache(KvType::f16, kContext).value); };
    const auto first = made(), copied = made(), moved = made();
    report.result(room && first && copied && moved, name + "caches are made");
    const std::vector<int32_t> ids = some_ids(kPrompt, 2);
    const std::atomic<bool> stop{false};
    const Segment segment{first.get(), 0, ids, 0};
    report.result(model->forward({&segment, 1}, {}, stop).ok(), name + "a prompt is stored");
    copied->copy_positions(*first, kPrompt);
    report.result(move_positions(*first, *moved), name + "positions are read and written");
    const std::vector<float> expected = continued(model, *first);
    report.result(!expected.empty() && continued(model, *copied) == expected,
                  name + "a copy goes on like the original");
    report.result(continued(model, *moved) == expected, name + "so do positions that were read and written");
  }
}

/// The error of making a model and a session with so much memory; empty when there is none.
std::string refusal(const KernelTable& kernels, size_t bytes, size_t layers, size_t n_ctx) {
  Model::Source source;
  source.synthetic = DType::f16;
  auto model =
      Model::create(small_config(), std::move(source), kernels, 1, {gpu::host_device(bytes), layers});
  if (!model.ok()) return model.status.code() == Code::memory ? model.status.message() : "another error";
  auto session = Session::create(model.value, n_ctx, KvType::f32, 64);
  if (session.ok()) return "";
  return session.status.code() == Code::memory ? session.status.message() : "another error";
}

/// The number that follows a text; 0 when it is not there.
size_t number_after(const std::string& text, const std::string& before) {
  const size_t at = text.find(before);
  return at == text.npos ? 0 : std::strtoull(text.c_str() + at + before.size(), nullptr, 10);
}

void check_memory(const KernelTable& kernels, Report& report) {
  size_t suggestions = 0, kept = 0;
  std::string text;
  for (size_t bytes = 100000;; bytes += 50000) {
    const std::string error = refusal(kernels, bytes, kLayers, kContext);
    if (error.empty()) break;
    text = error;
    const size_t layers = number_after(error, "--gpu-layers ");
    if (layers == 0) continue;
    ++suggestions;
    kept += layers < kLayers && refusal(kernels, bytes, layers, kContext).empty() ? 1 : 0;
  }
  report.result(suggestions > 0 && kept == suggestions, "as many layers as are suggested fit: " + text);
  const std::string none = refusal(kernels, 100000, kLayers, kContext);
  report.result(none.find("not even one layer fits") != none.npos, "no memory: " + none);
  constexpr size_t kEnough = size_t{1} << 24;
  const std::string context = refusal(kernels, kEnough, kLayers, size_t{1} << 20);
  const size_t n_ctx = number_after(context, "a context of ");
  const std::string then = refusal(kernels, kEnough, kLayers, n_ctx);
  report.result(n_ctx > 0 && then.empty(), "the context that is suggested fits: " + context + then);
}

void check_stop(const KernelTable& kernels, Report& report) {
  auto session = Session::create(on_device(kernels, kLayers), kContext, KvType::f16, 16);
  session.value->abort();
  const Status status = session.value->evaluate(some_ids(40, 1), LogitsMode::none, nullptr);
  report.result(status.code() == Code::aborted, "an evaluation on the device is stopped");
}

}  // namespace

void check_gpu(const KernelTable& kernels, Report& report) {
  check_logits(kernels, report);
  check_generation(kernels, report);
  check_caches(kernels, report);
  check_memory(kernels, report);
  check_stop(kernels, report);
  // Threads that play a GPU take their time; five requests are enough for one that is cancelled.
  const BatchLoad load = {5, 23};
  for (const size_t layers : {size_t{1}, kLayers})
    check_batch(on_device(kernels, layers), std::to_string(layers) + " layers on the device", report, load);
}

}  // namespace openelm
