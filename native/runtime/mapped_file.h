#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

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

  /// Asks the system to read the whole file soon: for weights, which are all needed, not for whoever wants a
  /// header.
  void read_ahead() const noexcept;

  /// Whether [offset, offset + length) lies in the file.
  bool contains(uint64_t offset, uint64_t length) const noexcept {
    return offset <= size_ && length <= size_ - offset;
  }

 private:
  MappedFile() = default;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace openelm
