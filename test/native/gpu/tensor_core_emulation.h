#pragma once

// The names of gpu/cuda/tensor_core.cuh for a host: each collective instruction is computed once its warp's
// lanes have all arrived, from the fragment layouts that the PTX ISA documents. Asynchronous copies are as
// late as they may be: what they will overwrite turns into NaN at once, and arrives when their thread waits
// for it.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "gpu/block_emulation.h"
#include "quant/half.h"

namespace openelm::gpu::cuda {

using SharedAddress = char*;

inline SharedAddress shared_address(void* p) {
  return static_cast<char*>(p);
}
inline void block_barrier() {
  block().block_barrier();
}

inline float shuffle_xor(float x, int mask) {
  return __shfl_xor_sync(~0u, x, static_cast<uint32_t>(mask));
}

struct PendingCopy {
  char* to;
  const void* from;
  bool valid;
  size_t bytes;
};
/// By thread: groups of copies, the newest last and still open.
inline std::map<uint32_t, std::deque<std::vector<PendingCopy>>>& pending_copies() {
  static std::map<uint32_t, std::deque<std::vector<PendingCopy>>> all;
  return all;
}

inline void copy_async_bytes(SharedAddress to, const void* from, bool valid, size_t bytes) {
  auto& groups = pending_copies()[thread_index()];
  if (groups.empty()) groups.emplace_back();
  groups.back().push_back({to, from, valid, bytes});
  std::memset(to, 0xff, bytes);
}
inline void copy_async(SharedAddress to, const void* from, bool valid) {
  copy_async_bytes(to, from, valid, kChunk);
}
inline void copy_async_4(SharedAddress to, const void* from, bool valid) {
  copy_async_bytes(to, from, valid, 4);
}
inline void copy_commit() {
  auto& groups = pending_copies()[thread_index()];
  if (groups.empty()) groups.emplace_back();
  groups.emplace_back();
}
template <int kPending>
void copy_wait() {
  auto& groups = pending_copies()[thread_index()];
  while (groups.size() > kPending + 1) {
    for (const PendingCopy& copy : groups.front()) {
      if (copy.valid) {
        std::memcpy(copy.to, copy.from, copy.bytes);
      } else {
        std::memset(copy.to, 0, copy.bytes);
      }
    }
    groups.pop_front();
  }
}

inline void store_shared(SharedAddress to, const Words& v) {
  std::memcpy(to, &v, sizeof v);
}
inline uint32_t load_shared_u16(SharedAddress from) {
  uint16_t v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline uint32_t load_shared_u32(SharedAddress from) {
  uint32_t v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline uint16_t element(const char* row, uint32_t i) {
  uint16_t v;
  std::memcpy(&v, row + 2 * i, sizeof v);
  return v;
}

inline void load_matrices_as(uint32_t (&r)[4], SharedAddress row, bool transposed) {
  struct Operand {
    const char* row;
    uint32_t (*out)[4];
  };
  Lanes<Operand>& in = lanes<Operand>();
  in.lane[thread_index() % 32] = {row, &r};
  block().warp_step([&] {
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t g = lane / 4, t = lane % 4;
      for (uint32_t matrix = 0; matrix < 4; ++matrix) {
        const Operand* rows = in.lane + 8 * matrix;
        const uint32_t low = transposed ? element(rows[2 * t].row, g) : element(rows[g].row, 2 * t);
        const uint32_t high = transposed ? element(rows[2 * t + 1].row, g) : element(rows[g].row, 2 * t + 1);
        (*in.lane[lane].out)[matrix] = low | high << 16;
      }
    }
  });
}
inline void load_matrices(uint32_t (&r)[4], SharedAddress row) {
  load_matrices_as(r, row, false);
}
inline void load_matrices_transposed(uint32_t (&r)[4], SharedAddress row) {
  load_matrices_as(r, row, true);
}

inline void mma_s8(int32_t (&c)[2], uint32_t a0, uint32_t a1, uint32_t b0, uint32_t b1) {
  struct Operand {
    int32_t (*c)[2];
    uint32_t a[2], b[2];
  };
  Lanes<Operand>& in = lanes<Operand>();
  in.lane[thread_index() % 32] = {&c, {a0, a1}, {b0, b1}};
  block().warp_step([&] {
    int32_t left[8][32], right[8][32];
    for (uint32_t lane = 0; lane < 32; ++lane) {
      for (uint32_t i = 0; i < 8; ++i) {
        const uint32_t row = lane / 4, column = lane % 4 * 4 + i % 4 + i / 4 * 16;
        left[row][column] = static_cast<int8_t>(in.lane[lane].a[i / 4] >> (8 * (i % 4)));
        right[row][column] = static_cast<int8_t>(in.lane[lane].b[i / 4] >> (8 * (i % 4)));
      }
    }
    for (uint32_t lane = 0; lane < 32; ++lane) {
      for (uint32_t i = 0; i < 2; ++i) {
        for (uint32_t k = 0; k < 32; ++k)
          (*in.lane[lane].c)[i] += left[lane / 4][k] * right[lane % 4 * 2 + i][k];
      }
    }
  });
}

template <float (*kToFloat)(uint16_t) noexcept>
void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Operand {
    float (*c)[4];
    uint32_t a[4], b[2];
  };
  Lanes<Operand>& in = lanes<Operand>();
  in.lane[thread_index() % 32] = {&c, {a[0], a[1], a[2], a[3]}, {b0, b1}};
  block().warp_step([&] {
    float left[16][16], right[8][16];
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t g = lane / 4, t = lane % 4;
      const Operand& o = in.lane[lane];
      for (uint32_t half = 0; half < 2; ++half) {
        const auto value = [half](uint32_t word) {
          return kToFloat(static_cast<uint16_t>(word >> (16 * half)));
        };
        left[g][2 * t + half] = value(o.a[0]);
        left[g + 8][2 * t + half] = value(o.a[1]);
        left[g][2 * t + 8 + half] = value(o.a[2]);
        left[g + 8][2 * t + 8 + half] = value(o.a[3]);
        right[g][2 * t + half] = value(o.b[0]);
        right[g][2 * t + 8 + half] = value(o.b[1]);
      }
    }
    for (uint32_t lane = 0; lane < 32; ++lane) {
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        double sum = (*in.lane[lane].c)[i];
        for (uint32_t k = 0; k < 16; ++k) sum += static_cast<double>(left[row][k]) * right[column][k];
        (*in.lane[lane].c)[i] = static_cast<float>(sum);
      }
    }
  });
}
inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  mma<bfloat_to_float>(c, a, b0, b1);
}
inline void mma_f16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  mma<half_to_float>(c, a, b0, b1);
}

inline uint32_t pack_bf16(float low, float high) {
  return float_to_bfloat(low) | static_cast<uint32_t>(float_to_bfloat(high)) << 16;
}
inline uint32_t pack_f16(float low, float high) {
  return float_to_half(low) | static_cast<uint32_t>(float_to_half(high)) << 16;
}
inline float exp2_approx(float x) {
  return std::exp2(x);
}
inline float divide_approx(float a, float b) {
  return a / b;
}
inline uint32_t pick_bytes(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = a | static_cast<uint64_t>(b) << 32;
  uint32_t r = 0;
  for (uint32_t i = 0; i < 4; ++i)
    r |= static_cast<uint32_t>(bytes >> (8 * (selector >> (4 * i) & 7)) & 255) << (8 * i);
  return r;
}

}  // namespace openelm::gpu::cuda
