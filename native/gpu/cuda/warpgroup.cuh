#pragma once

// Products by groups of four warps (wgmma, sm_90a), as PTX ISA, "Asynchronous warpgroup level matrix
// instructions", defines them. Both sides come from shared memory: rows of 128 bytes, swizzled as
// swizzled<8>() does, which is what the hardware calls 128-byte swizzling when a tile begins at a multiple of
// 1024 bytes. The sums of a warp are laid out as those of mma m16n8k16, the warp's 16 rows being its part of
// the group's 64.

#include "gpu/cuda/tensor_core.cuh"

#ifndef __CUDACC__
#include "gpu/warpgroup_emulation.h"
#else

namespace openelm::gpu::cuda {

/// Descriptor of 16 columns of rows in shared memory.
using MatrixRows = uint64_t;

/// Columns 16 k … of the rows that begin at a multiple of 1024 bytes.
OPENELM_TENSOR MatrixRows matrix_rows(SharedAddress rows, uint32_t k) {
  // In units of 16 bytes: the address; the stride of eight rows, 1024 bytes; 128-byte swizzling.
  const uint64_t address = ((rows + 32 * k) & 0x3ffff) >> 4;
  return address | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}

// Code for other architectures may name these functions; it must not come to call them.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define OPENELM_SM90A(...) asm volatile(__VA_ARGS__)
#else
#define OPENELM_SM90A(...) (void)0
#endif

/// What this thread's copies wrote to shared memory may be read by warpgroup_mma (of any thread, after a
/// barrier).
OPENELM_TENSOR void copies_to_matrices() {
  OPENELM_SM90A("fence.proxy.async.shared::cta;\n" ::: "memory");
}
/// Before the first product, and after sums were touched.
OPENELM_TENSOR void warpgroup_begin() {
  OPENELM_SM90A("wgmma.fence.sync.aligned;\n" ::: "memory");
}
OPENELM_TENSOR void warpgroup_commit() {
  OPENELM_SM90A("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}
/// Waits until at most kPending groups of products are under way.
template <int kPending>
OPENELM_TENSOR void warpgroup_wait() {
  OPENELM_SM90A("wgmma.wait_group.sync.aligned %0;\n" ::"n"(kPending) : "memory");
}

/// c += A · Bᵀ, 64 × kRows, over 16 columns of bf16; goes on while the threads do.
template <uint32_t kRows>
OPENELM_TENSOR void warpgroup_mma(float (&c)[kRows / 8][4], MatrixRows a, MatrixRows b);

#define OPENELM_FOUR(j) "+f"(c[j][0]), "+f"(c[j][1]), "+f"(c[j][2]), "+f"(c[j][3])

template <>
OPENELM_TENSOR void warpgroup_mma<128>(float (&c)[16][4], MatrixRows a, MatrixRows b) {
  OPENELM_SM90A(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
      "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
      "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
      "%56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, 0, 0;\n"
      : OPENELM_FOUR(0), OPENELM_FOUR(1), OPENELM_FOUR(2), OPENELM_FOUR(3), OPENELM_FOUR(4), OPENELM_FOUR(5),
        OPENELM_FOUR(6), OPENELM_FOUR(7), OPENELM_FOUR(8), OPENELM_FOUR(9), OPENELM_FOUR(10),
        OPENELM_FOUR(11), OPENELM_FOUR(12), OPENELM_FOUR(13), OPENELM_FOUR(14), OPENELM_FOUR(15)
      : "l"(a), "l"(b));
}

template <>
OPENELM_TENSOR void warpgroup_mma<256>(float (&c)[32][4], MatrixRows a, MatrixRows b) {
  OPENELM_SM90A(
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
      "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
      "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
      "%56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, "
      "%74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, "
      "%92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, "
      "%108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, "
      "%123, %124, %125, %126, %127}, "
      "%128, %129, 1, 1, 1, 0, 0;\n"
      : OPENELM_FOUR(0), OPENELM_FOUR(1), OPENELM_FOUR(2), OPENELM_FOUR(3), OPENELM_FOUR(4), OPENELM_FOUR(5),
        OPENELM_FOUR(6), OPENELM_FOUR(7), OPENELM_FOUR(8), OPENELM_FOUR(9), OPENELM_FOUR(10),
        OPENELM_FOUR(11), OPENELM_FOUR(12), OPENELM_FOUR(13), OPENELM_FOUR(14), OPENELM_FOUR(15),
        OPENELM_FOUR(16), OPENELM_FOUR(17), OPENELM_FOUR(18), OPENELM_FOUR(19), OPENELM_FOUR(20),
        OPENELM_FOUR(21), OPENELM_FOUR(22), OPENELM_FOUR(23), OPENELM_FOUR(24), OPENELM_FOUR(25),
        OPENELM_FOUR(26), OPENELM_FOUR(27), OPENELM_FOUR(28), OPENELM_FOUR(29), OPENELM_FOUR(30),
        OPENELM_FOUR(31)
      : "l"(a), "l"(b));
}

#undef OPENELM_FOUR
#undef OPENELM_SM90A

}  // namespace openelm::gpu::cuda

#endif
