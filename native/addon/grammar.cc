#include "addon/grammar.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/errors.h"
#include "addon/generate.h"
#include "addon/tokenizer.h"
#include "addon/tokenizer_args.h"

namespace openelm {
namespace {

/// Marks the objects of this class, so that a value from JavaScript is unwrapped only if it is one.
constexpr napi_type_tag kGrammarTag = {0x6f70656e656c6d20, 0x6772616d6d617220};

Napi::Value failed(Napi::Env env, const Status& status) {
  if (!env.IsExceptionPending()) throw_status(env, status);
  return env.Undefined();
}

class GrammarObject : public Napi::ObjectWrap<GrammarObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Grammar",
                       {
                           InstanceMethod<&GrammarObject::match>("match"),
                           InstanceMethod<&GrammarObject::allowed>("allowed"),
                           InstanceMethod<&GrammarObject::choose>("choose"),
                       });
  }

  explicit GrammarObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    std::shared_ptr<const TokenTrie> trie = token_trie_of(info[0]);
    std::string text;
    Status status = read_text(info[1], text);
    if (!trie) status = Status(Code::invalid, "Expected a Tokenizer");
    if (status.ok()) {
      auto grammar = Grammar::create(text, std::move(trie));
      status = std::move(grammar.status);
      grammar_ = std::move(grammar.value);
    }
    if (!status.ok()) {
      throw_status(info.Env(), status);
      return;
    }
    info.This().As<Napi::Object>().TypeTag(&kGrammarTag);
  }

  const std::shared_ptr<const Grammar>& grammar() const { return grammar_; }

 private:
  /// A matcher that has read the bytes of an Uint8Array; whether it could.
  static bool read(Matcher& matcher, const Napi::Value& value) {
    const auto array = value.As<Napi::Uint8Array>();
    return matcher.push({reinterpret_cast<const char*>(array.Data()), array.ElementLength()});
  }
  static bool is_bytes(const Napi::Value& value) {
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  }

  Napi::Value match(const Napi::CallbackInfo& info) {
    if (!is_bytes(info[0])) return failed(info.Env(), Status(Code::invalid, "Expected an Uint8Array"));
    Matcher matcher(grammar_->automaton());
    const char* how = !read(matcher, info[0]) ? "no" : matcher.complete() ? "complete" : "begun";
    return Napi::String::New(info.Env(), how);
  }

  Napi::Value allowed(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_bytes(info[0])) return failed(env, Status(Code::invalid, "Expected an Uint8Array"));
    Matcher matcher(grammar_->automaton());
    TokenMask mask(grammar_->trie().tokens());
    if (read(matcher, info[0]) && !grammar_->allowed(matcher, mask)) return env.Null();
    Napi::Uint8Array result = Napi::Uint8Array::New(env, grammar_->trie().tokens());
    for (size_t i = 0; i < result.ElementLength(); ++i)
      result.Data()[i] = mask.has(static_cast<int32_t>(i)) ? 1 : 0;
    return result;
  }

  Napi::Value choose(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Napi::Value logits = info[0];
    if (!logits.IsTypedArray() || logits.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      return failed(env, Status(Code::invalid, "Expected a Float32Array of logits"));
    const Result<GenerateRequest> request = read_generate_request(Napi::Int32Array::New(env, 0), info[1]);
    if (!request.ok()) return failed(env, request.status);
    const auto array = logits.As<Napi::Float32Array>();
    const std::span<const float> row{array.Data(), array.ElementLength()};
    const GenerateRequest& asked = request.value;
    TokenChooser chooser(asked.sampling, grammar_, asked.max_tokens, asked.stop_tokens);
    std::vector<int32_t> ids;
    while (chooser.status().ok() && !chooser.done() && ids.size() < asked.max_tokens) {
      const int32_t id = chooser.next(row);
      const auto& stops = asked.stop_tokens;
      if (id < 0 || std::find(stops.begin(), stops.end(), id) != stops.end()) break;
      ids.push_back(id);
    }
    if (!chooser.status().ok()) return failed(env, chooser.status());
    Napi::Int32Array result = Napi::Int32Array::New(env, ids.size());
    std::copy(ids.begin(), ids.end(), result.Data());
    return result;
  }

  std::shared_ptr<const Grammar> grammar_;
};

}  // namespace

std::shared_ptr<const Grammar> grammar_of(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  const auto object = value.As<Napi::Object>();
  return object.CheckTypeTag(&kGrammarTag) ? GrammarObject::Unwrap(object)->grammar() : nullptr;
}

void register_grammar(Napi::Env env, Napi::Object exports) {
  exports.Set("Grammar", GrammarObject::define(env));
}

}  // namespace openelm
