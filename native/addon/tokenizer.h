#pragma once

#include <napi.h>

#include <memory>

#include "model/grammar/token_trie.h"
#include "model/tokenizer/tokenizer.h"

namespace openelm {

/// The tokenizer behind a NativeTokenizer object; null for any other value. May outlive the object.
std::shared_ptr<const Tokenizer> tokenizer_of(const Napi::Value& value);

/// The trie of its tokens, built at the first call; null for any other value.
std::shared_ptr<const TokenTrie> token_trie_of(const Napi::Value& value);

/// Exports the classes Tokenizer and TextStream.
void register_tokenizer(Napi::Env env, Napi::Object exports);

}  // namespace openelm
