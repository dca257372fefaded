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
constexpr size_t kHugePage = size_t{2} << 20;

/// What is mapped for so many bytes: whole pages, of a large buffer whole huge ones.
size_t mapped_size(size_t bytes) {
  const size_t unit = bytes >= 4 * kHugePage ? kHugePage : kPage;
  return (bytes + unit - 1) / unit * unit;
}

#if defined(_WIN32)

void* map_pages(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}
void unmap_pages(void* data, size_t /*bytes*/) {
  VirtualFree(data, 0, MEM_RELEASE);
}

#else

void* map_anonymous(size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

#if defined(MADV_HUGEPAGE)

/// A large buffer begins at a huge page, which older kernels do not see to by themselves.
void* map_pages(size_t bytes) {
  if (bytes % kHugePage != 0) return map_anonymous(bytes);
  auto* data = static_cast<uint8_t*>(map_anonymous(bytes + kHugePage));
  if (!data) return nullptr;
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(data) % kHugePage) % kHugePage;
  if (before > 0) munmap(data, before);
  munmap(data + before + bytes, kHugePage - before);
  madvise(data + before, bytes, MADV_HUGEPAGE);
  return data + before;
}

#else

void* map_pages(size_t bytes) {
  return map_anonymous(bytes);
}

#endif

void unmap_pages(void* data, size_t bytes) {
  munmap(data, bytes);
}

#endif

}  // namespace

Buffer::~Buffer() {
  if (data_) unmap_pages(data_, mapped_size(size_));
}

Result<Buffer> Buffer::allocate(size_t bytes) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  void* data = bytes > SIZE_MAX / 2 ? nullptr : map_pages(mapped_size(bytes));
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
