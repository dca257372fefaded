#pragma once

#include <napi.h>

namespace openelm {

/// Exports cpu().
void register_cpu(Napi::Env env, Napi::Object exports);

}  // namespace openelm
