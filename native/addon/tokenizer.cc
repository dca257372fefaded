#include "addon/tokenizer.h"

#include <algorithm>
#include <future>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "addon/errors.h"
#include "addon/tokenizer_args.h"
#include "model/tokenizer/text_stream.h"

namespace openelm {

namespace {

/// Marks the objects of this class, so that a value from JavaScript is unwrapped only if it is one.
constexpr napi_type_tag kTokenizerTag = {0x6f70656e656c6d20, 0x746f6b656e697a72};

/// What a method returns after a failure, which is left pending as an exception.
Napi::Value failed(Napi::Env env, const Status& status) {
  throw_status(env, status);
  return env.Undefined();
}

class TokenizerObject : public Napi::ObjectWrap<TokenizerObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Tokenizer",
                       {
                           InstanceAccessor<&TokenizerObject::size>("size"),
                           InstanceMethod<&TokenizerObject::encode>("encode"),
                           InstanceMethod<&TokenizerObject::decode>("decode"),
                           InstanceMethod<&TokenizerObject::piece_bytes>("pieceBytes"),
                       });
  }

  explicit TokenizerObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    Vocab vocab;
    Status status = read_vocab(info[0], vocab);
    if (status.ok()) {
      auto result = Tokenizer::build(std::move(vocab));
      status = std::move(result.status);
      tokenizer_ = std::move(result.value);
    }
    if (!status.ok()) {
      throw_status(info.Env(), status);
      return;
    }
    info.This().As<Napi::Object>().TypeTag(&kTokenizerTag);
  }

  /// Waits until it is built.
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_.get(); }

  const std::shared_ptr<const TokenTrie>& trie() {
    if (!trie_) trie_ = std::make_shared<const TokenTrie>(*tokenizer());
    return trie_;
  }

 private:
  Napi::Value size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), tokenizer()->size());
  }

  Napi::Value encode(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string text;
    if (Status status = read_text(info[0], text); !status.ok()) return failed(env, status);
    const std::vector<int32_t> ids =
        tokenizer()->encode(text, info[1].ToBoolean().Value(), info[2].ToBoolean().Value());
    Napi::Int32Array result = Napi::Int32Array::New(env, ids.size());
    std::copy(ids.begin(), ids.end(), result.Data());
    return result;
  }

  Napi::Value decode(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::span<const int32_t> ids;
    if (Status status = read_ids(info[0], ids); !status.ok()) return failed(env, status);
    StreamDecoder decoder(*tokenizer(), info[1].ToBoolean().Value(), info[2].ToBoolean().Value());
    std::string text;
    for (const int32_t id : ids) text += decoder.push(id);
    text += decoder.flush();
    return Napi::String::New(env, text);
  }

  Napi::Value piece_bytes(const Napi::CallbackInfo& info) {
    const std::string_view bytes = tokenizer()->piece_bytes(info[0].ToNumber().Int32Value());
    Napi::Uint8Array result = Napi::Uint8Array::New(info.Env(), bytes.size());
    std::copy(bytes.begin(), bytes.end(), result.Data());
    return result;
  }

  std::shared_future<std::shared_ptr<const Tokenizer>> tokenizer_;
  std::shared_ptr<const TokenTrie> trie_;
};

/// The object behind a value, or null.
TokenizerObject* unwrap(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  const auto object = value.As<Napi::Object>();
  return object.CheckTypeTag(&kTokenizerTag) ? TokenizerObject::Unwrap(object) : nullptr;
}

class TextStreamObject : public Napi::ObjectWrap<TextStreamObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "TextStream",
                       {
                           InstanceAccessor<&TextStreamObject::stop_string>("stopString"),
                           InstanceMethod<&TextStreamObject::push>("push"),
                           InstanceMethod<&TextStreamObject::flush>("flush"),
                       });
  }

  explicit TextStreamObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    tokenizer_ = tokenizer_of(info[0]);
    std::vector<std::string> stops;
    Status status = read_strings(info[3], "stop strings", stops);
    if (!tokenizer_) status = Status(Code::invalid, "Expected a Tokenizer");
    if (!status.ok()) {
      throw_status(info.Env(), status);
      return;
    }
    stream_ = std::make_unique<TextStream>(*tokenizer_, info[1].ToBoolean().Value(),
                                           info[2].ToBoolean().Value(), stops);
  }

 private:
  Napi::Value push(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), stream_->push(info[0].ToNumber().Int32Value()));
  }

  Napi::Value flush(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), stream_->flush());
  }

  Napi::Value stop_string(const Napi::CallbackInfo& info) {
    if (!stream_->stopped()) return info.Env().Null();
    return Napi::String::New(info.Env(), *stream_->stopped());
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<TextStream> stream_;
};

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_of(const Napi::Value& value) {
  TokenizerObject* object = unwrap(value);
  return object ? object->tokenizer() : nullptr;
}

std::shared_ptr<const TokenTrie> token_trie_of(const Napi::Value& value) {
  TokenizerObject* object = unwrap(value);
  return object ? object->trie() : nullptr;
}

void register_tokenizer(Napi::Env env, Napi::Object exports) {
  exports.Set("Tokenizer", TokenizerObject::define(env));
  exports.Set("TextStream", TextStreamObject::define(env));
}

}  // namespace openelm
