#pragma once

// Metal's threadgroups and simdgroups as the bodies see groups and teams (see compat.h).

#include "gpu/compat.h"

namespace openelm {
namespace gpu {

constant constexpr uint32_t kSimdWidth = 32;  // of every Apple GPU; the host checks it

class Team {
 public:
  explicit Team(uint32_t lane) : lane_(lane) {}

  uint32_t lane() const { return lane_; }
  uint32_t size() const { return kSimdWidth; }
  void barrier() const {
    metal::simdgroup_barrier(metal::mem_flags::mem_device | metal::mem_flags::mem_threadgroup);
  }

  float sum(float x) const { return sum(x, kSimdWidth); }
  float max(float x) const { return metal::simd_max(x); }
  uint32_t max(uint32_t x) const { return metal::simd_max(x); }

  // Lanes pair up with both partners adding the same two numbers, so that all get the same sum.
  float sum(float x, uint32_t lanes) const {
    for (uint32_t step = lanes / 2; step > 0; step /= 2) x += metal::simd_shuffle_xor(x, ushort(step));
    return x;
  }
  float max(float x, uint32_t lanes) const {
    for (uint32_t step = lanes / 2; step > 0; step /= 2)
      x = metal::fmax(x, metal::simd_shuffle_xor(x, ushort(step)));
    return x;
  }
  uint32_t max(uint32_t x, uint32_t lanes) const {
    for (uint32_t step = lanes / 2; step > 0; step /= 2)
      x = metal::max(x, metal::simd_shuffle_xor(x, ushort(step)));
    return x;
  }

 private:
  uint32_t lane_;
};

class Group {
 public:
  Group(uint32_t lane, uint32_t size) : lane_(lane), size_(size) {}

  uint32_t lane() const { return lane_; }
  uint32_t size() const { return size_; }
  void barrier() const {
    metal::threadgroup_barrier(metal::mem_flags::mem_device | metal::mem_flags::mem_threadgroup);
  }
  Team team() const { return Team(lane_ % kSimdWidth); }
  uint32_t team_index() const { return lane_ / kSimdWidth; }
  uint32_t teams() const { return size_ / kSimdWidth; }

 private:
  uint32_t lane_, size_;
};

}  // namespace gpu
}  // namespace openelm
