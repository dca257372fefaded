#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "runtime/status.h"

namespace openelm {

/// A read-only memory map of a whole regular file. Pages are shared with every other process that maps it.
class MappedFile {
 public:
  /// `path` is UTF-8. Fails with io for anything but a readable regular file; an empty file has size 0.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }

  /// Has the whole file read and its pages entered into the page table soon, by a thread of its own: for
  /// weights, which are all needed, not for whoever wants a header. Only the first call counts.
  void read_ahead() const;

  /// Copies [offset, offset + length) into `out` by reading the file, not its map. Fails with io where the
  /// file has become too short or the disk does not answer. Any number of threads may read.
  Status read(uint64_t offset, size_t length, uint8_t* out) const;

  /// Whether the file and as much again fit into this machine's memory.
  bool fits_twice() const noexcept;

  /// Says that pages of [offset, offset + length) need not stay in the system's cache.
  void forget(uint64_t offset, size_t length) const noexcept;

  /// Whether [offset, offset + length) lies in the file.
  bool contains(uint64_t offset, uint64_t length) const noexcept {
    return offset <= size_ && length <= size_ - offset;
  }

 private:
  MappedFile() = default;
  void touch_pages() const noexcept;

  mutable std::atomic<bool> ahead_ = false;
  mutable std::atomic<bool> closing_ = false;
  mutable std::thread reader_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
#if defined(_WIN32)
  void* file_ = nullptr;
#else
  int file_ = -1;
#endif
};

}  // namespace openelm
