#include "runtime/mapped_file.h"

#if defined(_WIN32)
#include <windows.h>

#include <vector>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#endif

namespace openelm {
namespace {

Status cut_before(uint64_t offset) {
  return Status(Code::io, "It has no byte " + std::to_string(offset) + " any more: it was cut meanwhile");
}

}  // namespace

#if defined(_WIN32)

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0);
  std::vector<wchar_t> wide(static_cast<size_t>(length) + 1);
  MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, wide.data(), length);
  const HANDLE file = CreateFileW(wide.data(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, nullptr);
  if (file == INVALID_HANDLE_VALUE) return Status(Code::io, "Cannot open the file");
  LARGE_INTEGER size{};
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  mapped->file_ = file;
  const bool sized = GetFileSizeEx(file, &size) != 0;
  HANDLE mapping = nullptr;
  if (sized && size.QuadPart > 0) mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (mapping) {
    mapped->data_ = static_cast<const uint8_t*>(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0));
    CloseHandle(mapping);
  }
  if (!sized || (size.QuadPart > 0 && !mapped->data_)) return Status(Code::io, "Cannot map the file");
  mapped->size_ = static_cast<size_t>(size.QuadPart);
  return std::shared_ptr<const MappedFile>(std::move(mapped));
}

MappedFile::~MappedFile() {
  if (data_) UnmapViewOfFile(data_);
  if (file_) CloseHandle(file_);
}

void MappedFile::read_ahead() const {}

Status MappedFile::read(uint64_t offset, size_t length, uint8_t* out) const {
  constexpr size_t kMost = size_t{1} << 30;
  for (size_t done = 0; done < length;) {
    OVERLAPPED at{};
    at.Offset = static_cast<DWORD>(offset + done);
    at.OffsetHigh = static_cast<DWORD>((offset + done) >> 32);
    const DWORD wanted = static_cast<DWORD>(length - done < kMost ? length - done : kMost);
    DWORD got = 0;
    if (!ReadFile(file_, out + done, wanted, &got, &at) && GetLastError() != ERROR_HANDLE_EOF)
      return Status(Code::io, "Cannot read the file");
    if (got == 0) return cut_before(offset + done);
    done += got;
  }
  return {};
}

bool MappedFile::fits_twice() const noexcept {
  MEMORYSTATUSEX memory{};
  memory.dwLength = sizeof memory;
  return !GlobalMemoryStatusEx(&memory) || size_ <= memory.ullTotalPhys / 2;
}

void MappedFile::forget(uint64_t /*offset*/, size_t /*length*/) const noexcept {}

#else

namespace {

Status failure(const char* what) {
  return Status(Code::io, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a named pipe must fail below, not wait for a writer.
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  mapped->file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (mapped->file_ < 0) return failure("Cannot open the file");
  struct stat info {};
  if (fstat(mapped->file_, &info) != 0) return failure("Cannot read the file's size");
  if (!S_ISREG(info.st_mode)) return Status(Code::io, "Not a regular file");
  mapped->size_ = static_cast<size_t>(info.st_size);
  if (mapped->size_ > 0) {
    void* data = mmap(nullptr, mapped->size_, PROT_READ, MAP_SHARED, mapped->file_, 0);
    if (data == MAP_FAILED) return failure("Cannot map the file");
    mapped->data_ = static_cast<const uint8_t*>(data);
#if defined(MADV_HUGEPAGE)
    // What is not in memory yet is read into pages of 2 MiB where the file system has such, and mapped so.
    madvise(data, mapped->size_, MADV_HUGEPAGE);
#endif
  }
  return std::shared_ptr<const MappedFile>(std::move(mapped));
}

MappedFile::~MappedFile() {
  closing_ = true;
  if (reader_.joinable()) reader_.join();
  if (data_) munmap(const_cast<uint8_t*>(data_), size_);
  if (file_ >= 0) close(file_);
}

void MappedFile::read_ahead() const {
  if (!data_ || ahead_.exchange(true)) return;
  madvise(const_cast<uint8_t*>(data_), size_, MADV_WILLNEED);
  // Of what does not fit into memory together, the pages read first would make room for the last.
  if (fits_twice()) reader_ = std::thread([this] { touch_pages(); });
}

/// Reads a byte of every page, which has them entered into the page table, sixteen at a time on Linux.
/// MADV_POPULATE_READ needs a quarter less time, but reading the header meanwhile took four times as long
/// (bench/README.md, "Start-up").
void MappedFile::touch_pages() const noexcept {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const volatile uint8_t* bytes = data_;
  // Closing the file must not wait for a slow disk.
  for (size_t at = 0; at < size_ && !closing_; at += page) static_cast<void>(bytes[at]);
}

Status MappedFile::read(uint64_t offset, size_t length, uint8_t* out) const {
  for (size_t done = 0; done < length;) {
    const ssize_t got = pread(file_, out + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("Cannot read the file");
    if (got == 0) return cut_before(offset + done);
    done += static_cast<size_t>(got);
  }
  return {};
}

bool MappedFile::fits_twice() const noexcept {
  const auto memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return size_ <= memory / 2;
}

void MappedFile::forget(uint64_t offset, size_t length) const noexcept {
#if defined(POSIX_FADV_DONTNEED)
  posix_fadvise(file_, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
#else
  static_cast<void>(offset);
  static_cast<void>(length);
#endif
}

#endif

}  // namespace openelm
