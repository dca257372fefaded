#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/tokenizer/vocab.h"

namespace openelm {

// Reading of arguments. Each returns false with a JavaScript exception pending when the value is not what it
// must be.

/// Throws an Error with code INVALID.
void throw_invalid(Napi::Env env, const std::string& message);

/// A string as UTF-8, lone surrogates as U+FFFD; at most Tokenizer::kMaxTextBytes.
bool read_text(const Napi::Value& value, std::string& text);

/// The elements of an Int32Array, valid during the call.
bool read_ids(const Napi::Value& value, std::span<const int32_t>& ids);

/// An array of strings; `name` says in errors what they are.
bool read_strings(const Napi::Value& value, const char* name, std::vector<std::string>& strings);

/// A NativeVocab. Its contents are checked by vocab_error().
bool read_vocab(const Napi::Value& value, Vocab& vocab);

}  // namespace openelm
