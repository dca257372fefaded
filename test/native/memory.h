#pragma once

// Buffers that end at an unreadable page, so that a kernel which reads or writes past an end stops the
// program even without a sanitizer. They start out as NaN, which spreads into whatever uses a value never
// written.

#include <cstddef>
#include <cstdint>

namespace openelm::check {

/// `size` bytes whose start has the given alignment; at most `alignment - 1` bytes lie between end and page.
class Guarded {
 public:
  explicit Guarded(size_t size, size_t alignment = 1);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  uint8_t* data() const { return data_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  size_t size() const { return size_; }

  /// Sets every byte to 0xff: NaN as f16, f32 and f64.
  void poison();

 private:
  uint8_t *mapping_, *data_;
  size_t mapped_, size_;
};

}  // namespace openelm::check
