#include "model/batch/sequence.h"

#include <algorithm>
#include <utility>

namespace openelm {
namespace {

double seconds_between(std::chrono::steady_clock::time_point start,
                       std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

}  // namespace

Sequence::Sequence(uint64_t id, GenerateRequest request, const Tokenizer& tokenizer, SequenceSink sink)
    : id_(id),
      request_(std::move(request)),
      sink_(std::move(sink)),
      chooser_(request_.sampling, request_.grammar, request_.max_tokens, request_.stop_tokens),
      text_(tokenizer, request_.special, false, request_.stop_strings),
      submitted_(Clock::now()) {}

void Sequence::admit(size_t reused) {
  admitted_ = Clock::now();
  result_.prompt_tokens = request_.ids.size() - reused;
  for (const int32_t id : request_.ids) chooser_.accept_prompt(id);
}

bool Sequence::advance(std::span<const float> logits, bool full) {
  const Clock::time_point start = Clock::now();
  if (result_.tokens.empty()) {
    decoding_ = start;
    result_.prefill_seconds = seconds_between(admitted_, start);
  }
  const auto end = [this](FinishReason reason) {
    finish(reason);
    return false;
  };
  if (request_.max_tokens == 0) return end(FinishReason::length);
  const int32_t id = chooser_.done() ? TokenChooser::kEnd : chooser_.next(logits);
  if (id == TokenChooser::kFailed) {
    fail(chooser_.status());
    return false;
  }
  if (id == TokenChooser::kEnd) return end(grammar_end(chooser_));
  if (result_.tokens.empty()) result_.first_token_seconds = seconds_between(submitted_, Clock::now());
  const std::vector<int32_t>& stops = request_.stop_tokens;
  if (std::find(stops.begin(), stops.end(), id) != stops.end()) return end(grammar_end(chooser_));
  result_.tokens.push_back(id);
  deliver(text_.push(id));
  result_.sample_seconds += seconds_between(start, Clock::now());
  if (text_.stopped()) return end(FinishReason::stop);
  if (chooser_.done()) return end(grammar_end(chooser_));
  if (result_.tokens.size() >= request_.max_tokens) return end(FinishReason::length);
  if (full) return end(FinishReason::context);
  return true;
}

void Sequence::deliver(std::string text) {
  if (text.empty()) return;
  sink_.piece(std::move(text));
}

void Sequence::finish(FinishReason reason) {
  result_.reason = reason;
  result_.stop_string = text_.stopped();
  if (reason != FinishReason::stop) deliver(text_.flush());
  if (!result_.tokens.empty()) result_.decode_seconds = seconds_between(decoding_, Clock::now());
  sink_.done(std::move(result_));
}

}  // namespace openelm
