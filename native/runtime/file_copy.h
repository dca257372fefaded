#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/buffer.h"
#include "runtime/mapped_file.h"
#include "runtime/status.h"

namespace openelm {

/// A range of a file read into memory of our own: huge pages where the system has them. A virtual machine
/// translates the 4 KiB pages of a mapped file twice, which costs large models a tenth of their speed; this
/// memory costs the time to read it and is shared with no other process.
class FileCopy {
 public:
  /// Reads [offset, offset + length), which must lie in the file, with so many threads. Fails with io where
  /// the file has become shorter meanwhile, with memory, or with aborted soon after `stop` is set.
  static Result<std::shared_ptr<const FileCopy>> read(const MappedFile& file, uint64_t offset, size_t length,
                                                      unsigned threads, const std::atomic<bool>& stop);

  /// Whether [offset, offset + length) of the file is here.
  bool contains(uint64_t offset, uint64_t length) const noexcept {
    return offset >= begin_ && offset - begin_ <= memory_.size() &&
           length <= memory_.size() - (offset - begin_);
  }
  /// The byte of the file at an offset that is here.
  const uint8_t* at(uint64_t offset) const noexcept { return memory_.data() + (offset - begin_); }

 private:
  FileCopy(uint64_t begin, Buffer memory) : begin_(begin), memory_(std::move(memory)) {}

  const uint64_t begin_;  // offset in the file of the first byte here
  Buffer memory_;
};

}  // namespace openelm
