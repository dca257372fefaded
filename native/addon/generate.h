#pragma once

#include <napi.h>

#include <memory>

#include "addon/job.h"
#include "model/generation.h"

namespace openelm {

/// Reads ids and NativeGenerateOptions. A JavaScript exception may be pending when it fails.
Result<GenerateRequest> read_generate_request(const Napi::Value& ids, const Napi::Value& options);

/// A NativeGenerateResult.
Napi::Value to_object(Napi::Env env, const GenerateResult& result);

/// Work that generates and posts every piece to the callback; its completion is a NativeGenerateResult.
Job::Work generate_work(std::shared_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
                        GenerateRequest request, std::shared_ptr<Napi::FunctionReference> on_piece);

}  // namespace openelm
