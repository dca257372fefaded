#include "addon/tokenizer_args.h"

#include <algorithm>

#include "model/tokenizer/tokenizer.h"

namespace openelm {

namespace {

bool invalid(Napi::Env env, const std::string& message) {
  throw_invalid(env, message);
  return false;
}

}  // namespace

void throw_invalid(Napi::Env env, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", "INVALID");
  error.ThrowAsJavaScriptException();
}

bool read_text(const Napi::Value& value, std::string& text) {
  const Napi::Env env = value.Env();
  size_t bytes = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &bytes) != napi_ok) {
    return invalid(env, "Expected a string");
  }
  if (bytes > Tokenizer::kMaxTextBytes) {
    return invalid(env, "Expected a text of at most " + std::to_string(Tokenizer::kMaxTextBytes) +
                            " bytes but received " + std::to_string(bytes));
  }
  text.resize(bytes);
  return napi_get_value_string_utf8(env, value, text.data(), bytes + 1, &bytes) == napi_ok;
}

bool read_ids(const Napi::Value& value, std::span<const int32_t>& ids) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    return invalid(value.Env(), "Expected an Int32Array of token ids");
  }
  const auto array = value.As<Napi::Int32Array>();
  ids = {array.Data(), array.ElementLength()};
  return true;
}

bool read_strings(const Napi::Value& value, const char* name, std::vector<std::string>& strings) {
  if (!value.IsArray()) return invalid(value.Env(), std::string("Expected an array for ") + name);
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > kMaxPieces) return invalid(value.Env(), std::string("Too many ") + name);
  strings.resize(length);
  for (uint32_t i = 0; i < length; ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Value element = array.Get(i);
    if (element.IsEmpty() || !read_text(element, strings[i])) return false;
  }
  return true;
}

bool read_vocab(const Napi::Value& value, Vocab& vocab) {
  const Napi::Env env = value.Env();
  if (!value.IsObject()) return invalid(env, "Expected a vocabulary");
  const auto object = value.As<Napi::Object>();
  const Napi::Value scores = object.Get("scores");
  const Napi::Value types = object.Get("types");
  if (!scores.IsTypedArray() || scores.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    return invalid(env, "Expected a Float32Array for scores");
  }
  if (!types.IsTypedArray() || types.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return invalid(env, "Expected a Uint8Array for types");
  }
  if (!read_strings(object.Get("pieces"), "pieces", vocab.pieces)) return false;
  const auto score_array = scores.As<Napi::Float32Array>();
  const auto type_array = types.As<Napi::Uint8Array>();
  vocab.scores.assign(score_array.Data(), score_array.Data() + score_array.ElementLength());
  vocab.types.resize(type_array.ElementLength());
  std::transform(type_array.Data(), type_array.Data() + vocab.types.size(), vocab.types.begin(),
                 [](uint8_t type) { return static_cast<PieceType>(type); });
  const auto id = [&](const char* name) {
    const Napi::Value number = object.Get(name);
    return number.IsNumber() ? number.As<Napi::Number>().Int32Value() : -1;
  };
  vocab.bos = id("bos");
  vocab.eos = id("eos");
  vocab.unk = id("unk");
  vocab.add_space_prefix = object.Get("addSpacePrefix").ToBoolean().Value();
  return true;
}

}  // namespace openelm
