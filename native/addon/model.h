#pragma once

#include <napi.h>

namespace openelm {

/// Exports the class Model.
void register_model(Napi::Env env, Napi::Object exports);

}  // namespace openelm
