#pragma once

#include "fixture.h"
#include "model/tokenizer/tokenizer.h"

namespace openelm {

/// For the vocabulary of the small model.
std::shared_ptr<const Tokenizer> make_tokenizer();

/// What each thread asks for.
struct BatchLoad {
  size_t requests = 9;
  size_t longest = 83;  // of the prompts, in tokens
};

/// Sequences in a batch, given and cancelled by several threads, say what each says alone; closing ends all.
void check_batch(const std::shared_ptr<Model>& model, const std::string& name, Report& report,
                 const BatchLoad& load = {});

}  // namespace openelm
