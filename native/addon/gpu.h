#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "gpu/device.h"

namespace openelm {

/// A GPU in use by its backend's name.
struct OpenGpu {
  std::string backend = "cpu";
  std::shared_ptr<gpu::Device> device;  // none for the CPU
};

/// Opens the GPU of a backend (`cpu`: none). `invalid` for one that is not compiled in.
Result<OpenGpu> open_gpu(const std::string& backend, const gpu::DeviceOptions& options);

/// GpuDevice of binding.ts.
Napi::Object to_object(Napi::Env env, const char* backend, const gpu::DeviceInfo& info);

void register_gpu(Napi::Env env, Napi::Object exports);

}  // namespace openelm
