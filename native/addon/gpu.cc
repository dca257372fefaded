#include "addon/gpu.h"

#include <vector>

#if defined(OPENELM_HAVE_CUDA)
#include "gpu/cuda/create.h"
#endif
#if defined(OPENELM_HAVE_METAL)
#include "gpu/metal/create.h"
#endif
#if defined(OPENELM_HAVE_HOST_GPU)
#include "gpu/host/create.h"
#endif

namespace openelm {
namespace {

/// A GPU backend that is compiled in.
struct Backend {
  const char* name;
  std::vector<gpu::DeviceInfo> (*devices)();
  Result<std::unique_ptr<gpu::Device>> (*create)(const gpu::DeviceOptions& options);
};

const std::vector<Backend>& backends() {
  static const std::vector<Backend> list = {
#if defined(OPENELM_HAVE_CUDA)
    {"cuda", gpu::cuda_devices, gpu::create_cuda_device},
#endif
#if defined(OPENELM_HAVE_METAL)
    {"metal", gpu::metal_devices, gpu::create_metal_device},
#endif
#if defined(OPENELM_HAVE_HOST_GPU)
    {"host", gpu::host_devices, gpu::create_host_device},
#endif
  };
  return list;
}

/// GpuDevices of binding.ts.
Napi::Value gpu_devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array compiled = Napi::Array::New(env), devices = Napi::Array::New(env),
              failures = Napi::Array::New(env);
  for (const Backend& backend : backends()) {
    compiled.Set(compiled.Length(), backend.name);
    const std::vector<gpu::DeviceInfo> found = backend.devices();
    for (const gpu::DeviceInfo& device : found)
      devices.Set(devices.Length(), to_object(env, backend.name, device));
    if (!found.empty()) continue;
    Napi::Object failure = Napi::Object::New(env);
    failure.Set("backend", backend.name);
    failure.Set("message", backend.create({}).status.message());
    failures.Set(failures.Length(), failure);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("compiled", compiled);
  result.Set("devices", devices);
  result.Set("failures", failures);
  return result;
}

}  // namespace

Result<OpenGpu> open_gpu(const std::string& backend, const gpu::DeviceOptions& options) {
  if (backend == "cpu") return OpenGpu();
  for (const Backend& known : backends()) {
    if (backend != known.name) continue;
    Result<std::unique_ptr<gpu::Device>> device = known.create(options);
    if (!device.ok()) return device.status;
    return OpenGpu{backend, std::move(device.value)};
  }
  return Status(Code::invalid, "This build of the addon has no backend " + backend);
}

Napi::Object to_object(Napi::Env env, const char* backend, const gpu::DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("backend", backend);
  object.Set("name", info.name);
  object.Set("details", info.details);
  object.Set("totalBytes", static_cast<double>(info.total_bytes));
  object.Set("freeBytes", static_cast<double>(info.free_bytes));
  return object;
}

void register_gpu(Napi::Env env, Napi::Object exports) {
  exports.Set("gpuDevices", Napi::Function::New<gpu_devices>(env, "gpuDevices"));
}

}  // namespace openelm
