#pragma once

#include <napi.h>

#include <memory>

#include "runtime/file_copy.h"

namespace openelm {

/// What a NativeFileCopy object has read of this file; null for any other value, and before it has. May
/// outlive the object.
std::shared_ptr<const FileCopy> file_copy_of(const Napi::Value& value, const MappedFile& file);

/// Exports the class FileCopy.
void register_file_copy(Napi::Env env, Napi::Object exports);

}  // namespace openelm
