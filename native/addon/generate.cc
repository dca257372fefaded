#include "addon/generate.h"

#include <algorithm>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "addon/grammar.h"
#include "addon/sampler.h"
#include "addon/tokenizer_args.h"

namespace openelm {
namespace {

const char* name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::eos:
      return "eos";
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    case FinishReason::aborted:
      return "aborted";
  }
  return "aborted";
}

Napi::Int32Array to_array(Napi::Env env, const std::vector<int32_t>& ids) {
  Napi::Int32Array array = Napi::Int32Array::New(env, ids.size());
  std::copy(ids.begin(), ids.end(), array.Data());
  return array;
}

}  // namespace

Napi::Value to_object(Napi::Env env, const GenerateResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("finishReason", name_of(result.reason));
  object.Set("stopString", result.stop_string ? Napi::String::New(env, *result.stop_string) : env.Null());
  object.Set("tokens", to_array(env, result.tokens));
  object.Set("promptTokens", static_cast<double>(result.prompt_tokens));
  object.Set("prefillSeconds", result.prefill_seconds);
  object.Set("decodeSeconds", result.decode_seconds);
  object.Set("firstTokenSeconds", result.first_token_seconds);
  object.Set("sampleSeconds", result.sample_seconds);
  return object;
}

Result<GenerateRequest> read_generate_request(const Napi::Value& ids, const Napi::Value& options) {
  GenerateRequest request;
  std::span<const int32_t> given;
  if (Status status = read_ids(ids, given); !status.ok()) return status;
  request.ids.assign(given.begin(), given.end());
  if (!options.IsObject()) return Status(Code::invalid, "Expected an object of options");
  const Napi::Object object = options.As<Napi::Object>();
  if (Status status = read_sampling(object.Get("sampling"), request.sampling); !status.ok()) return status;
  const Result<uint64_t> max_tokens = size_property(object, "maxTokens", 9007199254740991.0);
  if (!max_tokens.ok()) return max_tokens.status;
  const Result<std::vector<uint32_t>> stop_tokens = sizes_property(object, "stopTokens");
  if (!stop_tokens.ok()) return stop_tokens.status;
  if (Status status = read_strings(object.Get("stopStrings"), "stopStrings", request.stop_strings);
      !status.ok())
    return status;
  request.max_tokens = static_cast<size_t>(max_tokens.value);
  request.stop_tokens.assign(stop_tokens.value.begin(), stop_tokens.value.end());
  request.special = object.Get("special").ToBoolean().Value();
  if (const Napi::Value grammar = object.Get("grammar"); !grammar.IsUndefined()) {
    request.grammar = grammar_of(grammar);
    if (!request.grammar) return Status(Code::invalid, "Expected a Grammar");
  }
  return request;
}

Job::Work generate_work(std::shared_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
                        GenerateRequest request, std::shared_ptr<Napi::FunctionReference> on_piece) {
  return [session = std::move(session), tokenizer = std::move(tokenizer), request = std::move(request),
          on_piece = std::move(on_piece)](Job& job) -> Result<Job::Completion> {
    const PieceSink sink = [&job, &session, &on_piece](std::string text) {
      job.post([session, on_piece, text = std::move(text)](Napi::Env env) {
        on_piece->Call({Napi::String::New(env, text)});
        // A callback that throws ends the generation; the exception is reported where the promise is awaited.
        if (env.IsExceptionPending()) session->abort();
      });
    };
    Result<GenerateResult> result = generate(*session, *tokenizer, request, sink);
    if (!result.ok()) return result.status;
    return Job::Completion(
        [result = std::move(result.value)](Napi::Env env) { return to_object(env, result); });
  };
}

}  // namespace openelm
