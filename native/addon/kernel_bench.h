#pragma once

#include <napi.h>

namespace openelm {

/// Exports benchKernel().
void register_kernel_bench(Napi::Env env, Napi::Object exports);

}  // namespace openelm
