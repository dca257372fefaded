#pragma once

// The instructions that the tensor-core kernels are made of: matrix fragments (PTX ISA, "Matrix
// multiply-accumulate operation using mma instruction": m16n8k16, m16n8k32), ldmatrix, cp.async. The kernels'
// bodies use these names only. Without nvcc they come from an emulation in which fibers play the threads
// (test/native/gpu/tensor_core_emulation.h), so that the same bodies run under a host's tests.
//
// Fragments, with g = lane / 4 and t = lane % 4; two elements to a register, the lower column in the lower
// half:
//   A 16 × 16: a0 (g, 2t) a1 (g + 8, 2t) a2 (g, 2t + 8) a3 (g + 8, 2t + 8)
//   B 16 × 8, as rows of its transpose: b0 (g, 2t) b1 (g, 2t + 8)
//   C 16 × 8, f32: c0 c1 (g, 2t) (g, 2t + 1), c2 c3 (g + 8, …)

#include <cstddef>
#include <cstdint>

#include "gpu/compat.h"

#ifdef __CUDACC__
#define OPENELM_TENSOR __device__ __forceinline__
#else
#define OPENELM_TENSOR inline
#endif

namespace openelm::gpu::cuda {

/// Bytes that one cp.async moves, and one row of an 8 × 8 matrix of 16-bit elements.
inline constexpr uint32_t kChunk = 16;

/// 16 bytes.
struct alignas(16) Words {
  uint32_t w[4];
};

/// Where chunk `chunk` of row `row` lies within a tile of rows of kChunks chunks: permuted within the row, so
/// that one chunk column of eight consecutive rows falls on all 32 banks.
template <uint32_t kChunks>
OPENELM_TENSOR constexpr uint32_t swizzled(uint32_t row, uint32_t chunk) {
  static_assert(kChunks == 2 || kChunks == 4 || kChunks % 8 == 0, "rows of 32, 64 or multiples of 128 bytes");
  const uint32_t key = kChunks == 2 ? (row >> 2) & 1 : kChunks == 4 ? (row >> 1) & 3 : row & 7;
  return (row * kChunks + (chunk ^ key)) * kChunk;
}

/// The row and chunk whose address a lane gives to ldmatrix for A's 16 × 16 fragment.
OPENELM_TENSOR constexpr uint32_t a_row(uint32_t lane) {
  return lane & 15;
}
OPENELM_TENSOR constexpr uint32_t a_chunk(uint32_t lane) {
  return lane >> 4;
}
/// The same for two B fragments of 16 × 8: b0 b1 of rows 0 to 7, then of rows 8 to 15.
OPENELM_TENSOR constexpr uint32_t b_row(uint32_t lane) {
  return (lane & 7) | ((lane >> 4) << 3);
}
OPENELM_TENSOR constexpr uint32_t b_chunk(uint32_t lane) {
  return (lane >> 3) & 1;
}

}  // namespace openelm::gpu::cuda

#ifndef __CUDACC__
#include "gpu/tensor_core_emulation.h"
#else

namespace openelm::gpu::cuda {

using SharedAddress = uint32_t;

OPENELM_TENSOR SharedAddress shared_address(void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

OPENELM_TENSOR uint32_t thread_index() {
  return threadIdx.x;
}
OPENELM_TENSOR void block_barrier() {
  __syncthreads();
}
OPENELM_TENSOR float shuffle_xor(float x, int mask) {
  return __shfl_xor_sync(0xffffffffu, x, mask);
}

/// Starts a copy of 16 bytes to shared memory, past the first-level cache; zeros when !valid, and then `from`
/// is not read.
OPENELM_TENSOR void copy_async(SharedAddress to, const void* from, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}
/// The same of 4 bytes, through the first-level cache: neighbours are wanted soon.
OPENELM_TENSOR void copy_async_4(SharedAddress to, const void* from, bool valid) {
  const int bytes = valid ? 4 : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
OPENELM_TENSOR void copy_commit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}
/// Waits until at most kPending of this thread's groups of copies are under way.
template <int kPending>
OPENELM_TENSOR void copy_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kPending) : "memory");
}

OPENELM_TENSOR void store_shared(SharedAddress to, const Words& v) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};\n" ::"r"(to), "r"(v.w[0]), "r"(v.w[1]), "r"(v.w[2]),
               "r"(v.w[3])
               : "memory");
}
OPENELM_TENSOR uint32_t load_shared_u16(SharedAddress from) {
  uint16_t v;
  asm volatile("ld.shared.u16 %0, [%1];\n" : "=h"(v) : "r"(from) : "memory");
  return v;
}

OPENELM_TENSOR uint32_t load_shared_u32(SharedAddress from) {
  uint32_t v;
  asm volatile("ld.shared.u32 %0, [%1];\n" : "=r"(v) : "r"(from) : "memory");
  return v;
}

/// Four 8 × 8 matrices; lane l gives the address of row l % 8 of matrix l / 8.
OPENELM_TENSOR void load_matrices(uint32_t (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}
OPENELM_TENSOR void load_matrices_transposed(uint32_t (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

/// c += A · B of bf16 or f16.
OPENELM_TENSOR void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
OPENELM_TENSOR void mma_f16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// c += A · B of int8, m16n8k32, where rows 8 to 15 of A are 0. Four elements to a register, the lowest
/// column in the lowest byte: a0 (g, 4t) a1 (g, 4t + 16); b0 b1 the same of rows of B's transpose; c0 c1 (g,
/// 2t) (g, 2t + 1).
OPENELM_TENSOR void mma_s8(int32_t (&c)[2], uint32_t a0, uint32_t a1, uint32_t b0, uint32_t b1) {
  int32_t lower[2] = {0, 0};
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %6, %5, %6}, {%7, %8}, "
      "{%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(lower[0]), "+r"(lower[1])
      : "r"(a0), "r"(a1), "r"(0), "r"(b0), "r"(b1));
}

/// Two floats rounded to nearest even, `low` in the lower half.
OPENELM_TENSOR uint32_t pack_bf16(float low, float high) {
  uint32_t r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
OPENELM_TENSOR uint32_t pack_f16(float low, float high) {
  uint32_t r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;\n" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

/// 2^x, within 2 ulp; 0 for -infinity.
OPENELM_TENSOR float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}
OPENELM_TENSOR float divide_approx(float a, float b) {
  return __fdividef(a, b);
}
/// Bytes of a and b picked by the nibbles of `selector`.
OPENELM_TENSOR uint32_t pick_bytes(uint32_t a, uint32_t b, uint32_t selector) {
  return __byte_perm(a, b, selector);
}

}  // namespace openelm::gpu::cuda

#endif
