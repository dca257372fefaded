#pragma once

#include <napi.h>

#include <memory>

#include "model/model.h"

namespace openelm {

/// Reads a KvType of binding.ts.
Result<KvType> read_kv_type(const Napi::Value& value);

/// A NativeSession on the model, or undefined with an exception pending.
Napi::Value new_session_object(Napi::Env env, std::shared_ptr<Model> model, const Napi::Value& n_ctx,
                               const Napi::Value& kv_type, const Napi::Value& n_batch);

/// Prepares the class, which is not exported: sessions come from models.
void register_session(Napi::Env env);

}  // namespace openelm
