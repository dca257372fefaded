#pragma once

#include "fixture.h"
#include "model/tokenizer/tokenizer.h"

namespace openelm {

/// For the vocabulary of the small model.
std::shared_ptr<const Tokenizer> make_tokenizer();

/// Sequences in a batch, given and cancelled by several threads, say what each says alone; closing ends all.
/// requests: of each thread.
void check_batch(const std::shared_ptr<Model>& model, const std::string& name, Report& report,
                 size_t requests = 9);

}  // namespace openelm
