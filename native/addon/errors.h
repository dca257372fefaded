#pragma once

#include <napi.h>

#include "runtime/status.h"

namespace openelm {

/// A JavaScript Error with the status's message and its code as `code` (NativeErrorCode in binding.ts).
Napi::Error to_error(Napi::Env env, const Status& status);

/// Leaves that error pending.
void throw_status(Napi::Env env, const Status& status);

}  // namespace openelm
