#include "gpu/cuda/cuda_device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gpu/cuda/kernels.h"

namespace openelm::gpu::cuda {
namespace {

void* address(DevicePointer pointer) {
  return reinterpret_cast<void*>(pointer);
}

std::string mebibytes(size_t bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.1f MiB (%zu bytes)", static_cast<double>(bytes) / 0x1p20, bytes);
  return text;
}

/// Whether the variable is anything but "0"; `unset` where there is none.
bool is_on(const char* variable, bool unset) {
  const char* value = std::getenv(variable);
  return value == nullptr ? unset : std::strcmp(value, "0") != 0;
}

constexpr size_t kArrivalAlignment = 64;

}  // namespace

CudaDevice::CudaDevice(const Chip& chip, DeviceInfo info, cudaStream_t stream)
    : chip_(chip), info_(std::move(info)), chain_(chain_limits(chip.multiprocessors, chip.shared_bytes)) {
  launcher_.stream = stream;
  launcher_.multiprocessors = chip.multiprocessors;
  launcher_.shared_bytes = chip.shared_bytes;
  launcher_.overlap = chip.major >= 9 && is_on("OPENELM_CUDA_OVERLAP", true);  // 0: to find faults
  if (chip.major >= 9 && chip.chains && is_on("OPENELM_CUDA_CHAIN", true))  // 0: never, 1: whatever the size
    chains_from_ = is_on("OPENELM_CUDA_CHAIN", false) ? 0 : kChainsFrom;
}

CudaDevice::~CudaDevice() {
  activate();
  (void)cudaStreamSynchronize(launcher_.stream);
  for (Scratch* scratch : {&attention_, &counters_, &meetings_, &selection_, &activations_, &weights_})
    (void)cudaFree(scratch->data);
  for (cudaEvent_t event : marks_)
    if (event != nullptr) (void)cudaEventDestroy(event);
  if (arrivals_memory_ != nullptr) (void)cudaFreeHost(arrivals_memory_);
  staging_.free();
  (void)cudaStreamDestroy(launcher_.stream);
}

void CudaDevice::activate() noexcept {
  static thread_local int current = -1;
  if (current == chip_.index) return;
  if (errors_.keep(cudaSetDevice(chip_.index), "choosing the GPU")) current = chip_.index;
}

Result<DevicePointer> CudaDevice::allocate(size_t bytes) {
  activate();
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
  if (error == cudaSuccess) return reinterpret_cast<DevicePointer>(memory);
  (void)cudaGetLastError();
  if (error != cudaErrorMemoryAllocation) return cuda_failure(error, "taking memory");
  return Status(Code::memory, info_.name + " has not the " + mebibytes(bytes) +
                                  " asked for: " + mebibytes(free_bytes()) + " of " +
                                  mebibytes(info_.total_bytes) + " are free");
}

void CudaDevice::release(DevicePointer memory) noexcept {
  if (memory == 0) return;
  activate();
  // cudaFree waits for work that may still use it.
  (void)errors_.keep(cudaFree(address(memory)), "giving memory back");
}

size_t CudaDevice::free_bytes() {
  activate();
  size_t free = 0, total = 0;
  return errors_.keep(cudaMemGetInfo(&free, &total), "asking for the free memory") ? free : 0;
}

void CudaDevice::upload(DevicePointer to, const void* from, size_t bytes) {
  activate();
  if (bytes == 0) return;
  // From pageable memory this returns once the driver has its own copy.
  check(cudaMemcpyAsync(address(to), from, bytes, cudaMemcpyHostToDevice, launcher_.stream), "an upload");
}

void CudaDevice::copy(DevicePointer to, DevicePointer from, size_t bytes) {
  start_op();
  if (bytes == 0) return;
  check(cudaMemcpyAsync(address(to), address(from), bytes, cudaMemcpyDeviceToDevice, launcher_.stream),
        "a copy");
}

void CudaDevice::download(void* to, DevicePointer from, size_t bytes) {
  activate();
  if (bytes == 0) return;
  if (recording_) {
    errors_.keep(Status(Code::internal, "a download cannot be recorded"));
    return;
  }
  uint8_t* pinned = bytes <= kArrivalBytes ? place_arrival(bytes) : nullptr;
  void* target = pinned != nullptr ? pinned : to;  // large ones go straight, and wait
  check(cudaMemcpyAsync(target, address(from), bytes, cudaMemcpyDeviceToHost, launcher_.stream),
        "a download");
  if (pinned != nullptr) arrivals_.push_back({to, pinned, bytes, next_mark_});
}

uint8_t* CudaDevice::place_arrival(size_t bytes) {
  bytes = (bytes + kArrivalAlignment - 1) / kArrivalAlignment * kArrivalAlignment;
  for (;;) {
    // Taken is [oldest, end) or, wrapped around, all but [end, oldest).
    if (arrivals_.empty()) arrivals_end_ = 0;
    const size_t oldest =
        arrivals_.empty() ? 0 : static_cast<size_t>(arrivals_.front().from - arrivals_memory_);
    const bool wrapped = !arrivals_.empty() && arrivals_end_ <= oldest;
    size_t place = arrivals_end_, limit = wrapped ? oldest : kArrivalBytes;
    if (!wrapped && place + bytes > limit) place = 0, limit = oldest;
    if (place + bytes <= limit) {
      arrivals_end_ = place + bytes;
      return arrivals_memory_ + place;
    }
    check(cudaStreamSynchronize(launcher_.stream), "waiting for downloads");
    deliver(next_mark_);
  }
}

void CudaDevice::deliver(uint64_t mark) {
  while (!arrivals_.empty() && arrivals_.front().mark <= mark) {
    const Arrival& arrival = arrivals_.front();
    std::memcpy(arrival.to, arrival.from, arrival.bytes);
    arrivals_.pop_front();
  }
}

Status CudaDevice::synchronize() {
  activate();
  check(cudaStreamSynchronize(launcher_.stream), "running a pass");
  check(cudaGetLastError(), "running a pass");
  deliver(next_mark_);
  return errors_.take();
}

uint64_t CudaDevice::mark() {
  activate();
  check(cudaEventRecord(marks_[next_mark_ % kMarks], launcher_.stream), "marking the stream");
  return next_mark_++;
}

Status CudaDevice::wait(uint64_t mark) {
  activate();
  // The event may have been reused for a later mark, which is behind this one.
  check(cudaEventSynchronize(marks_[mark % kMarks]), "running a pass");
  deliver(mark);
  return errors_.take();
}

/// A recorded pass.
class CudaDevice::Graph final : public Device::Recording {
 public:
  Graph(CudaDevice& device, cudaGraphExec_t executable) : device_(device), executable_(executable) {}
  ~Graph() override { (void)cudaGraphExecDestroy(executable_); }
  void replay() override {
    device_.activate();
    device_.check(cudaGraphLaunch(executable_, device_.launcher_.stream), "replaying a pass");
  }

 private:
  CudaDevice& device_;
  cudaGraphExec_t executable_;
};

bool CudaDevice::begin_recording() {
  activate();
  // Relaxed: a kernel's first use may load it, which the stricter modes forbid.
  recording_ = errors_.keep(cudaStreamBeginCapture(launcher_.stream, cudaStreamCaptureModeRelaxed),
                            "recording a pass");
  return recording_;
}

std::unique_ptr<Device::Recording> CudaDevice::end_recording() {
  start_op();
  recording_ = false;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  if (!errors_.keep(cudaStreamEndCapture(launcher_.stream, &graph), "recording a pass")) return nullptr;
  const bool ready = errors_.keep(cudaGraphInstantiate(&executable, graph, 0), "preparing a recorded pass") &&
                     errors_.keep(cudaGraphUpload(executable, launcher_.stream), "uploading a recorded pass");
  (void)cudaGraphDestroy(graph);
  if (!ready) {
    if (executable != nullptr) (void)cudaGraphExecDestroy(executable);
    return nullptr;
  }
  return std::make_unique<Graph>(*this, executable);
}

}  // namespace openelm::gpu::cuda
