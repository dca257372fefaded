#pragma once

#include <napi.h>

namespace openelm {

/// What the addon keeps for each environment (the main thread, every worker thread); freed with it.
struct InstanceData {
  Napi::FunctionReference session_class, batch_class;
};

}  // namespace openelm
