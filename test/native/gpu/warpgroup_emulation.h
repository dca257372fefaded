#pragma once

// The names of gpu/cuda/warpgroup.cuh for a host. Products read shared memory as the hardware's 128-byte
// swizzling does, and as late as they may: when their thread waits for them.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "gpu/cuda/tensor_core.cuh"

namespace openelm::gpu::cuda {

/// Where 16 columns of rows begin.
using MatrixRows = const char*;

inline MatrixRows matrix_rows(SharedAddress rows, uint32_t k) {
  return rows + 32 * k;
}

/// The bf16 in a row and column: rows 128 bytes apart, bits 4 to 6 of the address exclusive-ored with bits 7
/// to 9.
inline float matrix_element(MatrixRows rows, uint32_t row, uint32_t column) {
  const auto linear = reinterpret_cast<uintptr_t>(rows) + row * 128 + column * 2;
  return bfloat_to_float(element(reinterpret_cast<const char*>(linear ^ (linear >> 7 & 7) << 4), 0));
}

inline std::map<uint32_t, std::deque<std::vector<std::function<void()>>>>& pending_products() {
  static std::map<uint32_t, std::deque<std::vector<std::function<void()>>>> all;
  return all;
}

inline void copies_to_matrices() {}
inline void warpgroup_begin() {
  auto& groups = pending_products()[thread_index()];
  if (groups.empty()) groups.emplace_back();
}
inline void warpgroup_commit() {
  pending_products()[thread_index()].emplace_back();
}
template <int kPending>
void warpgroup_wait() {
  auto& groups = pending_products()[thread_index()];
  while (groups.size() > kPending + 1) {
    for (const auto& product : groups.front()) product();
    groups.pop_front();
  }
}

template <uint32_t kRows>
void warpgroup_mma(float (&c)[kRows / 8][4], MatrixRows a, MatrixRows b) {
  const uint32_t lane = thread_index() % 32, warp = thread_index() / 32 % 4;
  pending_products()[thread_index()].back().push_back([&c, a, b, lane, warp] {
    for (uint32_t i = 0; i < kRows / 2; ++i) {
      const uint32_t row = 16 * warp + lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      double sum = c[i / 4][i % 4];
      for (uint32_t k = 0; k < 16; ++k)
        sum += static_cast<double>(matrix_element(a, row, k)) * matrix_element(b, column, k);
      c[i / 4][i % 4] = static_cast<float>(sum);
    }
  });
}

}  // namespace openelm::gpu::cuda
