#pragma once

#include <napi.h>

#include <memory>

#include "model/model.h"

namespace openelm {

/// A NativeBatch on the model, or undefined with an exception pending.
Napi::Value new_batch_object(Napi::Env env, std::shared_ptr<Model> model, const Napi::Value& tokenizer,
                             const Napi::Value& options);

/// Prepares the class, which is not exported: batches come from models.
void register_batch(Napi::Env env);

}  // namespace openelm
