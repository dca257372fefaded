#include "addon/sampler.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "addon/errors.h"
#include "addon/tokenizer_args.h"
#include "model/sampler/sampler.h"

namespace openelm {

namespace {

constexpr uint32_t kMaxDraws = 1u << 24;

/// Reads one numeric field after another and remembers whether all were there.
class Fields {
 public:
  explicit Fields(const Napi::Object& object) : object_(object) {}

  double number(const char* name) {
    const Napi::Value value = object_.Get(name);
    if (!value.IsEmpty() && value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
    if (missing_.empty()) missing_ = name;
    return 0;
  }
  float real(const char* name) { return static_cast<float>(number(name)); }
  int32_t integer(const char* name) {  // saturates; NaN is 0
    const double value = number(name);
    if (value >= INT32_MAX) return INT32_MAX;
    if (value <= INT32_MIN) return INT32_MIN;
    return value == value ? static_cast<int32_t>(value) : 0;
  }
  /// Name of the first field that was no number; empty when there is none.
  const std::string& missing() const { return missing_; }

 private:
  const Napi::Object object_;
  std::string missing_;
};

Status invalid(std::string message) {
  return Status(Code::invalid, std::move(message));
}

Status read_logit_bias(const Napi::Value& value, std::vector<LogitBias>& biases) {
  if (!value.IsArray()) return invalid("Expected an array for logitBias");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Value entry = array.Get(i);
    if (!entry.IsObject()) return invalid("Expected objects in logitBias");
    Fields fields(entry.As<Napi::Object>());
    biases.push_back({fields.integer("token"), fields.real("bias")});
    if (!fields.missing().empty()) {
      return invalid("Expected a number for " + fields.missing() + " in logitBias");
    }
  }
  return {};
}

/// The first `draws` tokens that one sampler gives for the same logits.
Status draw(const Napi::CallbackInfo& info, uint32_t draws, std::vector<int32_t>& tokens) {
  const Napi::Value logits = info[0];
  if (!logits.IsTypedArray() || logits.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    return invalid("Expected a Float32Array of logits");
  }
  std::span<const int32_t> history;
  SamplingParams params;
  if (Status status = read_ids(info[1], history); !status.ok()) return status;
  if (Status status = read_sampling(info[2], params); !status.ok()) return status;
  const auto array = logits.As<Napi::Float32Array>();
  Sampler sampler(params);
  for (const int32_t id : history) sampler.accept(id);
  tokens.resize(draws);
  for (int32_t& token : tokens) token = sampler.sample({array.Data(), array.ElementLength()});
  return {};
}

Napi::Value failed(Napi::Env env, const Status& status) {
  throw_status(env, status);
  return env.Undefined();
}

Napi::Value sample(const Napi::CallbackInfo& info) {
  std::vector<int32_t> tokens;
  if (Status status = draw(info, 1, tokens); !status.ok()) return failed(info.Env(), status);
  return Napi::Number::New(info.Env(), tokens[0]);
}

Napi::Value sample_draws(const Napi::CallbackInfo& info) {
  std::vector<int32_t> tokens;
  const uint32_t draws = std::min(info[3].ToNumber().Uint32Value(), kMaxDraws);
  if (Status status = draw(info, draws, tokens); !status.ok()) return failed(info.Env(), status);
  Napi::Int32Array result = Napi::Int32Array::New(info.Env(), tokens.size());
  std::copy(tokens.begin(), tokens.end(), result.Data());
  return result;
}

}  // namespace

Status read_sampling(const Napi::Value& value, SamplingParams& params) {
  if (!value.IsObject()) return invalid("Expected sampling options");
  const auto object = value.As<Napi::Object>();
  Fields fields(object);
  params.temperature = fields.real("temperature");
  params.top_k = fields.integer("topK");
  params.top_p = fields.real("topP");
  params.min_p = fields.real("minP");
  params.typical_p = fields.real("typicalP");
  params.repeat_penalty = fields.real("repeatPenalty");
  params.frequency_penalty = fields.real("frequencyPenalty");
  params.presence_penalty = fields.real("presencePenalty");
  params.penalty_last_n = fields.integer("penaltyLastN");
  if (!fields.missing().empty()) return invalid("Expected a number for " + fields.missing());
  const Napi::Value seed = object.Get("seed");
  if (!seed.IsBigInt()) return invalid("Expected a bigint for seed");
  bool lossless = false;
  params.seed = seed.As<Napi::BigInt>().Uint64Value(&lossless);
  return read_logit_bias(object.Get("logitBias"), params.logit_bias);
}

void register_sampler(Napi::Env env, Napi::Object exports) {
  exports.Set("sample", Napi::Function::New<sample>(env, "sample"));
  exports.Set("sampleDraws", Napi::Function::New<sample_draws>(env, "sampleDraws"));
}

}  // namespace openelm
