#include "runtime/file_copy.h"

#include <algorithm>

#include "runtime/thread_pool.h"

namespace openelm {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kChunk = size_t{4} << 20;  // read at once: two huge pages, and soon done when it is to stop

}  // namespace

Result<std::shared_ptr<const FileCopy>> FileCopy::read(const MappedFile& file, uint64_t offset, size_t length,
                                                       unsigned threads, const std::atomic<bool>& stop) {
  // Whole pages of the file, so that tensors lie in pages as they do when it is mapped.
  const uint64_t begin = offset / kPage * kPage;
  const size_t size = length + static_cast<size_t>(offset - begin);
  Result<Buffer> memory = Buffer::allocate(size);
  if (!memory.ok()) return memory.status;
  uint8_t* const data = memory.value.data();

  // The pages that reading leaves in the system's cache make the next start faster, and are the first to go
  // when memory is short. But of a file too large to be there twice they would push out what others need.
  const bool drop = !file.fits_twice();
  const size_t chunks = (size + kChunk - 1) / kChunk;
  Status failure;  // the first one: only its thread writes it
  std::atomic<bool> failed = false;
  const auto read_chunk = [&](size_t chunk) {
    const size_t at = chunk * kChunk;
    const size_t bytes = std::min(kChunk, size - at);
    const Status status =
        stop ? Status(Code::aborted, "Reading was stopped") : file.read(begin + at, bytes, data + at);
    if (drop) file.forget(begin + at, bytes);
    if (!status.ok() && !failed.exchange(true)) failure = status;
  };
  ThreadPool pool(static_cast<unsigned>(std::clamp<size_t>(chunks, 1, std::max(1u, threads))));
  pool.run([&](Worker& worker) {
    worker.for_chunks(chunks, 1, [&](size_t first, size_t end) {
      for (size_t chunk = first; chunk < end && !failed; ++chunk) read_chunk(chunk);
    });
  });
  if (failed) return failure;
  return std::shared_ptr<const FileCopy>(new FileCopy(begin, std::move(memory.value)));
}

}  // namespace openelm
