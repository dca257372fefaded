#include "runtime/buffer.h"

#include <string>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace openelm {
namespace {

constexpr size_t kPage = 4096;
#if !defined(_WIN32)
constexpr size_t kHugePage = size_t{2} << 20;
#endif

size_t round_up(size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

#if defined(_WIN32)

void* map_pages(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}
void unmap_pages(void* data, size_t /*bytes*/) {
  VirtualFree(data, 0, MEM_RELEASE);
}

#else

void* map_pages(size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (bytes >= 4 * kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}
void unmap_pages(void* data, size_t bytes) {
  munmap(data, bytes);
}

#endif

}  // namespace

Buffer::~Buffer() {
  if (data_) unmap_pages(data_, round_up(size_));
}

Result<Buffer> Buffer::allocate(size_t bytes) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  void* data = bytes > SIZE_MAX - kPage ? nullptr : map_pages(round_up(bytes));
  if (!data) return Status(Code::memory, "Cannot allocate " + std::to_string(bytes) + " bytes");
  buffer.data_ = static_cast<uint8_t*>(data);
  buffer.size_ = bytes;
  return buffer;
}

Status Buffer::reserve(size_t bytes) {
  if (bytes <= size_) return {};
  Result<Buffer> larger = allocate(bytes);
  if (larger.ok()) *this = std::move(larger.value);
  return larger.status;
}

}  // namespace openelm
