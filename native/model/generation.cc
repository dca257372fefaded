#include "model/generation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "model/next_logits.h"
#include "model/tokenizer/text_stream.h"

namespace openelm {
namespace {

using Clock = std::chrono::steady_clock;

/// Whoever takes text is on a core that computes: waking it for every token of a fast model costs percents of
/// the speed. A screen shows no more than one picture in this time.
constexpr std::chrono::milliseconds kPieceInterval(10);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The loop's state: one token at a time from logits to text.
class Generation {
 public:
  Generation(Session& session, const Tokenizer& tokenizer, const GenerateRequest& request,
             const PieceSink& sink)
      : session_(session),
        request_(request),
        sink_(sink),
        chooser_(request.sampling, request.grammar, request.max_tokens, request.stop_tokens),
        text_(tokenizer, request.special, false, request.stop_strings),
        next_(session, chooser_) {}

  Status run() {
    if (!chooser_.status().ok()) return chooser_.status();
    const Clock::time_point start = Clock::now();
    result_.prompt_tokens = request_.ids.size();
    for (const int32_t id : session_.tokens()) chooser_.accept_prompt(id);
    for (const int32_t id : request_.ids) chooser_.accept_prompt(id);
    Status status = next_.evaluate(request_.ids, request_.max_tokens > 1);
    result_.prefill_seconds = seconds_since(start);
    if (status.code() == Code::aborted) return finish(FinishReason::aborted);
    if (!status.ok()) return status;

    const Clock::time_point decode_start = Clock::now();
    if (request_.max_tokens > 0) status = decode(start);
    result_.decode_seconds = seconds_since(decode_start);
    return status;
  }

  GenerateResult take() { return std::move(result_); }

 private:
  Status decode(Clock::time_point start) {
    for (;;) {
      const Clock::time_point sample_start = Clock::now();
      const int32_t id = chooser_.done() ? TokenChooser::kEnd : next_.choose(chooser_);
      if (id == TokenChooser::kFailed) return chooser_.status();
      if (id == TokenChooser::kEnd) return finish(grammar_end(chooser_));
      if (result_.tokens.empty()) result_.first_token_seconds = seconds_since(start);
      const bool stop_token = std::find(request_.stop_tokens.begin(), request_.stop_tokens.end(), id) !=
                              request_.stop_tokens.end();
      if (stop_token) return finish(grammar_end(chooser_));
      result_.tokens.push_back(id);
      unsent_ += text_.push(id);
      if (Clock::now() - last_sent_ >= kPieceInterval) send();
      result_.sample_seconds += seconds_since(sample_start);
      if (text_.stopped()) return finish(FinishReason::stop);
      if (chooser_.done()) return finish(grammar_end(chooser_));
      if (session_.aborted()) return finish(FinishReason::aborted);
      if (result_.tokens.size() >= request_.max_tokens) return finish(FinishReason::length);
      if (session_.n_past() == session_.n_ctx()) return finish(FinishReason::context);
      const bool more = result_.tokens.size() + 1 < request_.max_tokens;
      Status status = next_.evaluate({&id, 1}, more);
      if (status.code() == Code::aborted) return finish(FinishReason::aborted);
      if (!status.ok()) {
        send();
        return status;
      }
    }
  }

  void send() {
    if (unsent_.empty()) return;
    sink_(std::exchange(unsent_, {}));
    last_sent_ = Clock::now();
  }

  Status finish(FinishReason reason) {
    result_.reason = reason;
    result_.stop_string = text_.stopped();
    if (reason != FinishReason::stop) unsent_ += text_.flush();
    send();
    return {};
  }

  Session& session_;
  const GenerateRequest& request_;
  const PieceSink& sink_;
  TokenChooser chooser_;
  TextStream text_;
  NextLogits next_;
  std::string unsent_;
  Clock::time_point last_sent_;  // long ago: the first text goes at once
  GenerateResult result_;
};

}  // namespace

Result<GenerateResult> generate(Session& session, const Tokenizer& tokenizer, const GenerateRequest& request,
                                const PieceSink& sink) {
  if (request.ids.empty()) return Status(Code::invalid, "Nothing to evaluate: at least one token is needed");
  Generation generation(session, tokenizer, request, sink);
  if (Status status = generation.run(); !status.ok()) return status;
  return generation.take();
}

}  // namespace openelm
