#pragma once

#include <napi.h>

#include <memory>

#include "runtime/mapped_file.h"

namespace openelm {

/// The map behind a NativeMappedFile object; null for any other value. May outlive the object.
std::shared_ptr<const MappedFile> mapped_file_of(const Napi::Value& value);

/// Exports the class MappedFile and convertRows.
void register_mapped_file(Napi::Env env, Napi::Object exports);

}  // namespace openelm
