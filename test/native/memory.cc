#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace openelm::check {

Guarded::Guarded(size_t size, size_t alignment) : size_(size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t body = (size + alignment - 1 + page) / page * page;
  mapped_ = body + page;
  void* mapping = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    std::perror("mmap");
    std::abort();
  }
  mapping_ = static_cast<uint8_t*>(mapping);
  if (mprotect(mapping_ + body, page, PROT_NONE) != 0) {
    std::perror("mprotect");
    std::abort();
  }
  const uintptr_t end = reinterpret_cast<uintptr_t>(mapping_ + body);
  data_ = reinterpret_cast<uint8_t*>((end - size) / alignment * alignment);
  poison();
}

Guarded::~Guarded() {
  munmap(mapping_, mapped_);
}

void Guarded::poison() {
  std::memset(data_, 0xff, size_);
}

}  // namespace openelm::check
