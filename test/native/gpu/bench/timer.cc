#include "gpu/bench/timer.h"

#include <cstdio>
#include <cstdlib>

namespace openelm::check {

void Bench::require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "gpu_check: %s\n", status.message().c_str());
  std::exit(1);
}

std::vector<gpu::DeviceMatrix> Bench::matrices(DType type, uint32_t rows, uint32_t cols, size_t at_least) {
  const size_t row = row_bytes(type, cols);
  std::vector<uint8_t> data(rows * row);
  const uint32_t distinct = std::min(rows, 64u);  // random numbers take longer than the bench
  for (uint32_t r = 0; r < distinct; ++r) random_row(type, Scales::ordinary, random_, &data[r * row], cols);
  for (uint32_t r = distinct; r < rows; ++r) std::copy_n(&data[(r % distinct) * row], row, &data[r * row]);
  std::vector<gpu::DeviceMatrix> all;
  for (size_t bytes = 0; bytes < at_least || all.size() < 2; bytes += data.size()) {
    Result<gpu::DeviceMatrix> matrix = device.upload_matrix(type, rows, cols, data.data());
    require(matrix.status);
    all.push_back(matrix.value);
  }
  return all;
}

double Bench::seconds(uint32_t calls, const std::function<void(uint32_t)>& op) {
  using Clock = std::chrono::steady_clock;
  op(0);
  require(device.synchronize());
  const auto pass = [&] {
    for (uint32_t i = 0; i < calls; ++i) op(i);
  };
  std::unique_ptr<gpu::Device::Recording> recording;
  if (device.begin_recording()) {
    pass();
    recording = device.end_recording();
    require(device.synchronize());
  }
  double least = 1e9;
  for (int repetition = 0; repetition < 6; ++repetition) {
    const Clock::time_point start = Clock::now();
    if (recording)
      recording->replay();
    else
      pass();
    require(device.synchronize());
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least / calls;
}

}  // namespace openelm::check
