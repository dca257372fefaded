#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/status.h"

namespace openelm {

// Reading of plain JavaScript objects into C++ values. TypeScript has validated them in words; what fails
// here is a programming error, reported with the property's name.

/// A finite number within [least, most].
Result<double> number_property(const Napi::Object& object, const char* name, double least, double most);

/// A whole number within [0, most].
Result<uint64_t> size_property(const Napi::Object& object, const char* name, double most);

/// An array of whole numbers within [0, 2^32).
Result<std::vector<uint32_t>> sizes_property(const Napi::Object& object, const char* name);

/// A string as UTF-8.
Result<std::string> string_property(const Napi::Object& object, const char* name);

}  // namespace openelm
