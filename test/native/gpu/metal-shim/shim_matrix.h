#pragma once

// Metal's 8 x 8 matrices of a simdgroup. On this machine every thread keeps the operands whole and of a sum
// computes and stores the two elements that are its share.

namespace metal {

template <class T, int Cols, int Rows>
struct simdgroup_matrix {
  static_assert(Cols == 8 && Rows == 8, "the one size there is");
  simdgroup_matrix() = default;
  explicit simdgroup_matrix(T all) {
    for (int i = 0; i < 64; ++i) elements[i] = all;
  }
  float elements[64];  // by rows; a float holds what a T does
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

template <class T, int Cols, int Rows>
inline simdgroup_matrix<T, Cols, Rows> make_filled_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, Cols, Rows>(value);
}

#define SHIM_LOAD(space)                                                                                 \
  template <class T, int Cols, int Rows>                                                                 \
  inline void simdgroup_load(thread simdgroup_matrix<T, Cols, Rows>& to, space const T* from,            \
                             ulong elements_per_row = Cols, ulong2 origin = ulong2(0),                   \
                             bool transposed = false) {                                                  \
    for (uint i = 0; i < 64; ++i) {                                                                      \
      const ulong row = origin.y + (transposed ? i % 8 : i / 8),                                         \
                  col = origin.x + (transposed ? i / 8 : i % 8);                                         \
      const T element = from[row * elements_per_row + col];                                              \
      to.elements[i] = element;                                                                          \
    }                                                                                                    \
  }                                                                                                      \
  template <class T, int Cols, int Rows>                                                                 \
  inline void simdgroup_store(simdgroup_matrix<T, Cols, Rows> from, space T* to,                         \
                              ulong elements_per_row = Cols) {                                           \
    for (uint i = simd_lane(); i < 64; i += 32) to[i / 8 * elements_per_row + i % 8] = from.elements[i]; \
  }

#ifdef __OPENCL_CPP_VERSION__
uint simd_lane();
SHIM_LOAD(device)
SHIM_LOAD(threadgroup)
#else
SHIM_LOAD()
#endif
#undef SHIM_LOAD

template <class D, class A, class B, class C>
inline void simdgroup_multiply_accumulate(thread simdgroup_matrix<D, 8, 8>& d,
                                          thread simdgroup_matrix<A, 8, 8>& a,
                                          thread simdgroup_matrix<B, 8, 8>& b,
                                          thread simdgroup_matrix<C, 8, 8>& c) {
  for (uint i = simd_lane(); i < 64; i += 32) {
    float sum = c.elements[i];
    for (uint k = 0; k < 8; ++k) sum += a.elements[i / 8 * 8 + k] * b.elements[k * 8 + i % 8];
    d.elements[i] = D(sum);
  }
}

}  // namespace metal
