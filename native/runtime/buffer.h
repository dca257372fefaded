#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/status.h"

namespace openelm {

/// Owned memory, aligned to 64 bytes and zeroed, straight from the operating system when large, so that pages
/// cost nothing until they are touched. Large buffers, of 8 MiB and more, are whole huge pages where the
/// system has them. Allocation failure is a Status, never an abort.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  static Result<Buffer> allocate(size_t bytes);

  /// Makes the buffer at least `bytes` long; contents are lost when it grows.
  Status reserve(size_t bytes);

  uint8_t* data() noexcept { return data_; }
  const uint8_t* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }

  template <class T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data_);
  }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace openelm
