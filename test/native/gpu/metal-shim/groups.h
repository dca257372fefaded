#pragma once

// Runs entry points of native/gpu/metal on this machine. The threads of a group take turns: each runs until a
// barrier or an exchange within its simdgroup, so that a run is always the same.

#include <cstddef>
#include <cstdint>

namespace metal_shim {

struct alignas(16) Size3 {
  uint32_t x, y, z;
};

/// What every entry point of native/gpu/metal/entry.h is.
using EntryPoint = void (*)(const void* arguments, uint8_t* shared, Size3 at, Size3 grid,
                            uint32_t thread_index, Size3 threads);

/// Runs a grid, group by group. Ends the process with a message when threads of a group wait for each other
/// in vain.
void run_grid(EntryPoint entry, const char* name, const void* arguments, Size3 grid, uint32_t threads,
              size_t shared_bytes);

/// Memory that ends where what must not be touched begins: reading or writing past it ends the process.
class Guarded {
 public:
  explicit Guarded(size_t bytes);
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  /// Whether it may be touched at all.
  void open(bool accessible) const;

 private:
  uint8_t* pages_;
  size_t page_bytes_;
  uint8_t* data_;
  size_t size_;
};

}  // namespace metal_shim
