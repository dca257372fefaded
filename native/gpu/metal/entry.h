#pragma once

// The frame of every entry point. All have one signature, so that the host launches them alike: arguments,
// threadgroup memory, the group's place in the grid. Entry points are outside of namespaces, as the host asks
// for them by name. Groups have 256 threads at most: told so, the compiler sees to it that they have
// registers.

#include "gpu/bodies/arguments.h"
#include "gpu/metal/arguments.h"
#include "gpu/metal/group.h"

#define OPENELM_ENTRY(name, Args)                                                                       \
  [[max_total_threads_per_threadgroup(256)]] kernel void name(                                          \
      constant openelm::gpu::Args& given [[buffer(0)]], threadgroup uint8_t* shared [[threadgroup(0)]], \
      uint3 at [[threadgroup_position_in_grid]], uint3 grid [[threadgroups_per_grid]],                  \
      uint thread_index [[thread_index_in_threadgroup]], uint3 threads [[threads_per_threadgroup]])

/// Within an entry point: the arguments in registers, and the group.
#define OPENELM_BEGIN(Args)              \
  const openelm::gpu::Args args = given; \
  const openelm::gpu::Group group(thread_index, threads.x)

#define OPENELM_SHARED(Type) reinterpret_cast<threadgroup Type*>(shared)

/// Names of the types of matrices, as quant/dtype.cc has them in capitals, and the bodies' tags.
// clang-format off
#define OPENELM_EACH_BLOCK(DO) \
  DO(f32, float) DO(f16, openelm::gpu::Half) DO(bf16, openelm::gpu::Bfloat) \
  DO(q8_0, openelm::BlockQ8_0) DO(q4_0, openelm::BlockQ4_0) DO(q4_1, openelm::BlockQ4_1) \
  DO(q5_0, openelm::BlockQ5_0) DO(q5_1, openelm::BlockQ5_1) DO(iq4_nl, openelm::BlockIQ4_NL) \
  DO(q2_k, openelm::BlockQ2_K) DO(q3_k, openelm::BlockQ3_K) DO(q4_k, openelm::BlockQ4_K) \
  DO(q5_k, openelm::BlockQ5_K) DO(q6_k, openelm::BlockQ6_K)
// clang-format on

#define OPENELM_EACH_KV_TYPE(DO) DO(f32) DO(f16) DO(q8_0)
