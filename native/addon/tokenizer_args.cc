#include "addon/tokenizer_args.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/tokenizer/tokenizer.h"

namespace openelm {

namespace {

Status invalid(std::string message) {
  return Status(Code::invalid, std::move(message));
}

}  // namespace

Status read_text(const Napi::Value& value, std::string& text) {
  if (!value.IsString()) return invalid("Expected a string");
  const Napi::Env env = value.Env();
  size_t bytes = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &bytes);
  if (bytes > Tokenizer::kMaxTextBytes) {
    return invalid("Expected a text of at most " + std::to_string(Tokenizer::kMaxTextBytes) +
                   " bytes but received " + std::to_string(bytes));
  }
  text.resize(bytes);
  napi_get_value_string_utf8(env, value, text.data(), bytes + 1, &bytes);
  return {};
}

Status read_ids(const Napi::Value& value, std::span<const int32_t>& ids) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    return invalid("Expected an Int32Array of token ids");
  }
  const auto array = value.As<Napi::Int32Array>();
  ids = {array.Data(), array.ElementLength()};
  return {};
}

Status read_strings(const Napi::Value& value, const char* name, std::vector<std::string>& strings) {
  if (!value.IsArray()) return invalid(std::string("Expected an array for ") + name);
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > kMaxPieces) return invalid(std::string("Too many ") + name);
  strings.resize(length);
  for (uint32_t i = 0; i < length; ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Value element = array.Get(i);
    if (Status status = read_text(element, strings[i]); !status.ok()) return status;
  }
  return {};
}

namespace {

/// Strings in GGUF's encoding: a u64 length and that many bytes, each.
Status decode_strings(const Napi::Object& object, std::vector<std::string>& strings) {
  const Napi::Value value = object.Get("encoded");
  const double count = object.Get("length").ToNumber().DoubleValue();
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    return invalid("Expected strings or a Uint8Array for pieces");
  const auto bytes = value.As<Napi::Uint8Array>();
  std::string_view rest(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  if (!(count >= 0 && count <= kMaxPieces)) return invalid("Too many pieces");
  strings.reserve(static_cast<size_t>(count));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    uint64_t length = 0;
    if (rest.size() < sizeof length) return invalid("The encoded pieces end too early");
    for (size_t byte = sizeof length; byte-- > 0;)
      length = length << 8 | static_cast<unsigned char>(rest[byte]);
    rest.remove_prefix(sizeof length);
    if (length > rest.size()) return invalid("The encoded pieces end too early");
    strings.emplace_back(rest.substr(0, static_cast<size_t>(length)));
    rest.remove_prefix(static_cast<size_t>(length));
  }
  return {};
}

}  // namespace

Status read_vocab(const Napi::Value& value, Vocab& vocab) {
  if (!value.IsObject()) return invalid("Expected a vocabulary");
  const auto object = value.As<Napi::Object>();
  const Napi::Value scores = object.Get("scores");
  const Napi::Value types = object.Get("types");
  if (!scores.IsTypedArray() || scores.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    return invalid("Expected a Float32Array for scores");
  }
  if (!types.IsTypedArray() || types.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return invalid("Expected a Uint8Array for types");
  }
  const Napi::Value pieces = object.Get("pieces");
  const bool encoded = pieces.IsObject() && !pieces.IsArray();
  if (Status status = encoded ? decode_strings(pieces.As<Napi::Object>(), vocab.pieces)
                              : read_strings(pieces, "pieces", vocab.pieces);
      !status.ok())
    return status;
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
  return {};
}

}  // namespace openelm
