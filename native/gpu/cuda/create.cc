#include "gpu/cuda/create.h"

#include <cuda_runtime_api.h>

#include "gpu/cuda/cuda_device.h"
#include "gpu/cuda/errors.h"

namespace openelm::gpu {

using cuda::Chip;
using cuda::cuda_failure;
using cuda::CudaDevice;

namespace {

constexpr int kOldestMajor = 8;  // build.json compiles for 8.0 and newer

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

/// How many GPUs there are; the reason when the driver does not answer.
Result<int> device_count() {
  int driver = 0, count = 0;
  cudaError_t error = cudaDriverGetVersion(&driver);
  if (error == cudaSuccess && driver == 0) return Status(Code::invalid, "no NVIDIA driver is installed");
  if (error == cudaSuccess) error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice) return Status(Code::invalid, "the NVIDIA driver finds no GPU");
  if (error == cudaErrorInsufficientDriver)
    return Status(Code::invalid, "the NVIDIA driver is for CUDA " + version(driver) +
                                     ", but this build needs CUDA " + version(CUDART_VERSION) + " or newer");
  if (error != cudaSuccess)
    return Status(Code::invalid,
                  std::string("the NVIDIA driver does not work: ") + cudaGetErrorString(error));
  return count;
}

/// Fills in everything but the free memory, which needs a context on the GPU.
cudaError_t describe(int index, DeviceInfo& info, Chip& chip) {
  int driver = 0;
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error == cudaSuccess) error = cudaDriverGetVersion(&driver);
  if (error != cudaSuccess) return error;
  chip.index = index;
  chip.multiprocessors = static_cast<uint32_t>(properties.multiProcessorCount);
  chip.shared_bytes = properties.sharedMemPerBlockOptin;
  chip.l2_bytes = static_cast<size_t>(properties.l2CacheSize);
  chip.major = properties.major;
  chip.chains = properties.cooperativeLaunch != 0;
  info.name = properties.name;
  info.details = "compute capability " + std::to_string(properties.major) + "." +
                 std::to_string(properties.minor) + ", driver " + version(driver);
  info.total_bytes = properties.totalGlobalMem;
  return error;
}

}  // namespace

std::vector<DeviceInfo> cuda_devices() {
  std::vector<DeviceInfo> devices;
  const Result<int> count = device_count();
  int current = 0;
  const bool had_one = count.ok() && cudaGetDevice(&current) == cudaSuccess;
  for (int i = 0; count.ok() && i < count.value; ++i) {
    DeviceInfo info;
    Chip chip;
    if (describe(i, info, chip) != cudaSuccess || cudaSetDevice(i) != cudaSuccess) continue;
    (void)cudaMemGetInfo(&info.free_bytes, &info.total_bytes);
    devices.push_back(std::move(info));
  }
  if (had_one) (void)cudaSetDevice(current);  // CudaDevice counts on it
  (void)cudaGetLastError();
  return devices;
}

Result<std::unique_ptr<Device>> create_cuda_device(const DeviceOptions& options) {
  const int index = options.index;
  const Result<int> count = device_count();
  if (!count.ok()) return count.status;
  if (index < 0 || index >= count.value)
    return Status(Code::invalid, "there is no GPU " + std::to_string(index) + ": the driver finds " +
                                     std::to_string(count.value));
  DeviceInfo info;
  Chip chip;
  cudaError_t error = describe(index, info, chip);
  if (error != cudaSuccess) return cuda_failure(error, "reading the GPU's properties");
  chip.chains = chip.chains && options.chains;
  if (chip.major < kOldestMajor)
    return Status(Code::invalid,
                  info.name + " has " + info.details + "; compute capability 8.0 or newer is needed");
  cudaStream_t stream = nullptr;
  error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMemGetInfo(&info.free_bytes, &info.total_bytes);
  if (error == cudaSuccess) error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (error != cudaSuccess) return cuda_failure(error, "opening the GPU");
  auto device = std::make_unique<CudaDevice>(chip, std::move(info), stream);
  Status prepared = device->prepare_kernels();
  if (!prepared.ok()) return prepared;
  return Result<std::unique_ptr<Device>>(std::move(device));
}

}  // namespace openelm::gpu
