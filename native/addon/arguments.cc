#include "addon/arguments.h"

#include <cmath>

namespace openelm {
namespace {

Status wrong(const char* name, const std::string& expected) {
  return Status(Code::invalid, std::string("Expected ") + expected + " for " + name);
}

bool whole(const Napi::Value& value, double most, double& number) {
  if (!value.IsNumber()) return false;
  number = value.As<Napi::Number>().DoubleValue();
  return number >= 0 && number <= most && std::floor(number) == number;
}

}  // namespace

Result<double> number_property(const Napi::Object& object, const char* name, double least, double most) {
  const Napi::Value value = object.Get(name);
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= least && number <= most) return number;
  }
  return wrong(name, "a number between " + std::to_string(least) + " and " + std::to_string(most));
}

Result<uint64_t> size_property(const Napi::Object& object, const char* name, double most) {
  double number = 0;
  if (!whole(object.Get(name), most, number)) return wrong(name, "a whole number");
  return static_cast<uint64_t>(number);
}

Result<std::vector<uint32_t>> sizes_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) return wrong(name, "an array of whole numbers");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<uint32_t> sizes;
  sizes.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    double number = 0;
    if (!whole(array.Get(i), 4294967295.0, number)) return wrong(name, "an array of whole numbers");
    sizes.push_back(static_cast<uint32_t>(number));
  }
  return sizes;
}

Result<std::string> string_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) return wrong(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

}  // namespace openelm
