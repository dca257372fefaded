#pragma once

// A device under test, and its memory in terms of vectors.

#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/memory.h"
#include "random.h"
#include "tap.h"

namespace openelm::check {

struct Subject {
  gpu::Device& device;
  std::string name;
  bool quick = false;
  /// Whether products with many tokens round weights and activations to bf16.
  bool bf16 = false;
  /// Changes one value in every result by a hundredth: all checks of values have to fail.
  bool plant = false;
  /// Whether steps recorded have the bits of their ops one by one.
  bool same_bits = true;
};

/// An array in the subject's memory.
template <class T>
class OnDevice {
 public:
  /// Undefined contents.
  OnDevice(const Subject& subject, size_t count) : subject_(subject), count_(count) {
    failed_ = !memory_.allocate(subject.device, count * sizeof(T)).ok();
  }
  OnDevice(const Subject& subject, const std::vector<T>& values) : OnDevice(subject, values.size()) {
    set(values);
  }

  void set(const std::vector<T>& values) { subject_.device.upload(at(), values.data(), count_ * sizeof(T)); }
  gpu::DevicePointer at(size_t index = 0) const { return memory_.at(index * sizeof(T)); }

  /// What it holds after everything enqueued; the test fails when a device has an error to report.
  std::vector<T> get(Test& test) const {
    std::vector<T> values(count_);
    subject_.device.download(values.data(), at(), count_ * sizeof(T));
    const Status status = subject_.device.synchronize();
    test.expect(status.ok() && !failed_, [&] { return "the device: " + status.message(); });
    return values;
  }

 private:
  const Subject& subject_;
  size_t count_;
  gpu::DeviceMemory memory_;
  bool failed_;
};

/// A matrix on the device for as long as this lives.
class MatrixOnDevice {
 public:
  MatrixOnDevice(Test& test, const Subject& subject, DType type, size_t rows, size_t cols,
                 const uint8_t* data)
      : subject_(subject) {
    Result<gpu::DeviceMatrix> matrix = subject.device.upload_matrix(type, rows, cols, data);
    test.expect(matrix.ok(), [&] { return "upload: " + matrix.status.message(); });
    matrix_ = matrix.value;
  }
  ~MatrixOnDevice() { subject_.device.release_matrix(matrix_); }
  MatrixOnDevice(const MatrixOnDevice&) = delete;
  MatrixOnDevice& operator=(const MatrixOnDevice&) = delete;
  const gpu::DeviceMatrix& operator*() const { return matrix_; }

 private:
  const Subject& subject_;
  gpu::DeviceMatrix matrix_;
};

/// Plants an error in a result when the subject asks for it.
inline void plant(const Subject& subject, std::vector<float>& result, size_t at) {
  if (subject.plant && at < result.size()) result[at] = result[at] * 1.01f + 0.01f;
}

void check_products(Tap& tap, const Subject& subject);
void check_gated_products(Tap& tap, const Subject& subject);
void check_heads(Tap& tap, const Subject& subject);
void check_attention(Tap& tap, const Subject& subject);
void check_fresh_attention(Tap& tap, const Subject& subject);
void check_top_k(Tap& tap, const Subject& subject);
void check_small_ops(Tap& tap, const Subject& subject);

/// Every op by itself.
inline void check_ops(Tap& tap, const Subject& subject) {
  for (const auto check : {check_products, check_gated_products, check_heads, check_attention,
                           check_fresh_attention, check_top_k, check_small_ops})
    check(tap, subject);
}

/// Steps that are recorded and replayed, on devices that can.
void check_chain(Tap& tap, const Subject& subject);

}  // namespace openelm::check
