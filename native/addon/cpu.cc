#include "addon/cpu.h"

#include "cpu/dispatch.h"
#include "cpu/features.h"

namespace openelm {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
constexpr const char* kArch = "x64";
#elif defined(__aarch64__) || defined(_M_ARM64)
constexpr const char* kArch = "arm64";
#else
constexpr const char* kArch = "other";
#endif

Napi::Value cpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array isas = Napi::Array::New(env);
  for (const Variant& variant : variants()) {
    Napi::Object isa = Napi::Object::New(env);
    isa.Set("name", variant.table.name);
    isa.Set("supported", variant.supported);
    isas.Set(isas.Length(), isa);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("arch", kArch);
  result.Set("isas", isas);
  result.Set("best", best_kernels().name);
  result.Set("physicalCores", physical_cores());
  return result;
}

}  // namespace

void register_cpu(Napi::Env env, Napi::Object exports) {
  exports.Set("cpu", Napi::Function::New<cpu>(env, "cpu"));
}

}  // namespace openelm
