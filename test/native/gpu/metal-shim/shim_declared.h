#pragma once

// Functions that are only called in checks of types, never run.

namespace metal {

float fabs(float x);
float fma(float a, float b, float c);
float fmax(float a, float b);
float fmin(float a, float b);
float rint(float x);
uint max(uint a, uint b);
uint min(uint a, uint b);
uint popcount(uint x);
uint clz(uint x);
namespace precise {
float exp(float x);
float sqrt(float x);
}  // namespace precise

enum class mem_flags : uint { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
mem_flags operator|(mem_flags a, mem_flags b);
void threadgroup_barrier(mem_flags flags);
void simdgroup_barrier(mem_flags flags);
float simd_max(float x);
uint simd_max(uint x);
float simd_shuffle_xor(float x, ushort mask);
uint simd_shuffle_xor(uint x, ushort mask);
int simd_shuffle_xor(int x, ushort mask);

}  // namespace metal
