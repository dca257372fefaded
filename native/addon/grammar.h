#pragma once

#include <napi.h>

#include <memory>

#include "model/grammar/grammar.h"

namespace openelm {

/// The grammar behind a NativeGrammar object; null for any other value. May outlive the object.
std::shared_ptr<const Grammar> grammar_of(const Napi::Value& value);

/// Exports the class Grammar.
void register_grammar(Napi::Env env, Napi::Object exports);

}  // namespace openelm
