#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/tokenizer/vocab.h"
#include "runtime/status.h"

namespace openelm {

// Reading of arguments that TypeScript has validated: each fails with Code::invalid.

/// A string as UTF-8, lone surrogates as U+FFFD; at most Tokenizer::kMaxTextBytes.
Status read_text(const Napi::Value& value, std::string& text);

/// The elements of an Int32Array, valid during the call.
Status read_ids(const Napi::Value& value, std::span<const int32_t>& ids);

/// An array of strings; `name` says in errors what they are.
Status read_strings(const Napi::Value& value, const char* name, std::vector<std::string>& strings);

/// A NativeVocab. Its contents are checked by vocab_error().
Status read_vocab(const Napi::Value& value, Vocab& vocab);

}  // namespace openelm
