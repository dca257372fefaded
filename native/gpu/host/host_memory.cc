// The host device's memory, matrices and recordings.

#include <algorithm>
#include <cstring>
#include <new>

#include "gpu/bodies/attention.h"
#include "gpu/host/host_device.h"
#include "gpu/planes.h"

namespace openelm::gpu::host {
namespace {

/// Devices align what they allocate; bodies count on 16 bytes.
constexpr std::align_val_t kAlignment{256};

void* pointer(DevicePointer address) {
  return reinterpret_cast<void*>(address);
}

class HostRecording final : public Device::Recording {
 public:
  explicit HostRecording(std::vector<std::function<void()>> work) : work_(std::move(work)) {}
  void replay() override {
    for (const auto& work : work_) work();
  }

 private:
  std::vector<std::function<void()>> work_;
};

}  // namespace

/// With all that can be left out.
static HostOptions complete(HostOptions options) {
  if (options.attention_teams == 0) options.attention_teams = options.teams;
  return options;
}

static ChainLimits own_chain_limits(const HostOptions& options) {
  const uint32_t parts = options.teams / options.attention_teams;
  return {options.groups, options.shared_bytes + kHostSlots * kHostSlotBytes,
          options.teams,  options.team_size,
          parts,          UINT32_MAX,
          kHostSlotBytes, kHostSlots,
          kHostFills,     parts};
}

HostDevice::HostDevice(const HostOptions& given)
    : options_(complete(given)),
      threads_(options_.teams, options_.team_size),
      attention_threads_(options_.attention_teams, options_.team_size),
      shared_((options_.shared_bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t)),
      chain_(options_.chains ? options_.chains->limits : own_chain_limits(options_)),
      chain_groups_(options_.groups, options_.teams, options_.team_size,
                    options_.teams / options_.attention_teams),
      meetings_(kMeetingBytes / sizeof(uint32_t)) {
  info_.name = "host threads";
  info_.details = std::to_string(options_.teams) + " x " + std::to_string(options_.team_size) + " a group";
  info_.total_bytes = info_.free_bytes = options_.memory_bytes;
}

HostDevice::~HostDevice() {
  for (const auto& [address, bytes] : sizes_) ::operator delete(pointer(address), kAlignment);
}

Result<DevicePointer> HostDevice::allocate(size_t bytes) {
  void* memory = bytes <= free_bytes() ? ::operator new(bytes, kAlignment, std::nothrow) : nullptr;
  if (!memory)
    return Status(Code::memory, "cannot allocate " + std::to_string(bytes) + " bytes on the device, " +
                                    std::to_string(free_bytes()) + " are free");
  std::memset(memory, 0xff, bytes);
  const DevicePointer address = reinterpret_cast<DevicePointer>(memory);
  sizes_[address] = bytes;
  used_ += bytes;
  return address;
}

void HostDevice::release(DevicePointer memory) noexcept {
  const auto found = sizes_.find(memory);
  if (found == sizes_.end()) return;
  used_ -= found->second;
  ::operator delete(pointer(memory), kAlignment);
  sizes_.erase(found);
}

void HostDevice::upload(DevicePointer to, const void* from, size_t bytes) {
  std::memcpy(pointer(to), from, bytes);
}
void HostDevice::download(void* to, DevicePointer from, size_t bytes) {
  enqueue([=] { std::memcpy(to, pointer(from), bytes); });
}
void HostDevice::copy(DevicePointer to, DevicePointer from, size_t bytes) {
  enqueue([=] { std::memmove(pointer(to), pointer(from), bytes); });
}

Status HostDevice::synchronize() {
  return std::exchange(error_, Status());
}
void HostDevice::fail(const char* what) {
  if (error_.ok()) error_ = Status(Code::internal, what);
}

void HostDevice::enqueue_gathered() {
  if (chain_.empty()) return;
  const ChainArgs& args =
      chain_.args(reinterpret_cast<uint64_t>(meetings_.data()), reinterpret_cast<uint64_t>(counters_.data()));
  recorded_.push_back([this, args, kv_type = chain_.kv_type(), head_dim = chain_.head_dim()] {
    if (options_.chains)
      options_.chains->run(args, kv_type, head_dim);
    else
      chain_groups_.run(args, kv_type, head_dim);
  });
  chain_.clear();
}

void HostDevice::enqueue(Work work) {
  enqueue_gathered();
  if (recording_)
    recorded_.push_back(std::move(work));
  else
    work();
}
bool HostDevice::begin_recording() {
  recording_ = true;
  return true;
}
std::unique_ptr<Device::Recording> HostDevice::end_recording() {
  enqueue_gathered();
  recording_ = false;
  return std::make_unique<HostRecording>(std::exchange(recorded_, {}));
}

size_t HostDevice::matrix_bytes(DType type, size_t rows, size_t cols) const {
  return rows * row_bytes(type, cols);
}

Result<DeviceMatrix> HostDevice::upload_matrix(DType type, size_t rows, size_t cols, const uint8_t* data) {
  const size_t bytes = matrix_bytes(type, rows, cols);
  Result<DevicePointer> memory = allocate(bytes);
  if (!memory.ok()) return memory.status;
  DeviceMatrix matrix{type, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols), memory.value, 0};
  const Apart apart = apart_of(type);
  if (!apart.is) {
    upload(matrix.quants, data, bytes);
    return matrix;
  }
  const size_t blocks = bytes / apart.block_bytes;
  matrix.scales = matrix.quants + blocks * apart.quant_bytes();
  take_apart(apart, data, blocks, static_cast<uint8_t*>(pointer(matrix.quants)),
             static_cast<uint8_t*>(pointer(matrix.scales)));
  return matrix;
}

void HostDevice::release_matrix(DeviceMatrix& matrix) noexcept {
  release(matrix.quants);
  matrix = {};
}

Status HostDevice::grow(DevicePointer& memory, size_t bytes) {
  if (memory && sizes_[memory] >= bytes) return {};
  release(memory);
  memory = 0;
  Result<DevicePointer> grown = allocate(bytes);
  memory = grown.value;
  return grown.status;
}

Status HostDevice::reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                           uint32_t n_ctx) {
  const size_t chunks = (n_ctx + kAttentionChunk - 1) / kAttentionChunk;
  const size_t singles = std::min(n, small_batch());
  const size_t slices = (size_t{max_rows} + kTopKSlice - 1) / kTopKSlice;
  counters_.resize(std::max<size_t>(counters_.size(), largest.heads));
  Status status = grow(normalized_, sizeof(float) * n * max_cols);
  if (status.ok()) status = grow(products_, sizeof(float) * n * max_rows);
  if (status.ok())
    status =
        grow(chunks_, sizeof(float) * singles * largest.heads * chunks * partial_floats(largest.head_dim));
  if (status.ok()) status = grow(candidates_, sizeof(uint64_t) * singles * slices * kMaxTopK);
  return status;
}

DevicePointer HostDevice::scratch(DevicePointer memory, size_t bytes) {
  if (memory && sizes_[memory] >= bytes) return memory;
  fail("an op needs more scratch memory than reserve() was asked for");
  return 0;
}

}  // namespace openelm::gpu::host
