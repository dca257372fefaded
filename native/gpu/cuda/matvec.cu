// Products for few tokens: the kernel of the weights' type. The kernels are compiled by matvec_*.cu.

#include "gpu/bodies/arguments.h"
#include "gpu/cuda/arguments.cuh"
#include "gpu/cuda/kernels.h"
#include "gpu/with_block.h"

namespace openelm::gpu::cuda {

template <class Block>
cudaError_t matvec_of(const Launcher& on, const MatvecArgs& args);
template <class Block>
cudaError_t gated_matvec_of(const Launcher& on, const GatedMatvecArgs& args);

cudaError_t matvec(const Launcher& on, const DeviceMatrix& w, const float* x, uint32_t n, const float* norm,
                   float eps, float* y, uint32_t ldy, Store store) {
  if (n == 0) return cudaSuccess;
  if (n > kSmallBatch) return cudaErrorInvalidValue;
  MatvecArgs args = {};
  args.w = matrix_ref(w);
  args.x = address_of(x);
  args.norm = address_of(norm);
  args.y = address_of(y);
  args.tokens = n;
  args.ldy = ldy;
  args.add = store == Store::add ? 1 : 0;
  args.eps = eps;
  cudaError_t error = cudaSuccess;
  with_block(w.type, [&]<class Block>(BlockTag<Block>) { error = matvec_of<Block>(on, args); });
  return error;
}

cudaError_t gated_matvec(const Launcher& on, const DeviceMatrix& gate, const DeviceMatrix& up, const float* x,
                         uint32_t n, const float* norm, float eps, float* y) {
  if (n == 0) return cudaSuccess;
  if (n > kSmallBatch || gate.type != up.type) return cudaErrorInvalidValue;
  GatedMatvecArgs args = {};
  args.gate = matrix_ref(gate);
  args.up = matrix_ref(up);
  args.x = address_of(x);
  args.norm = address_of(norm);
  args.y = address_of(y);
  args.tokens = n;
  args.eps = eps;
  cudaError_t error = cudaSuccess;
  with_block(gate.type, [&]<class Block>(BlockTag<Block>) { error = gated_matvec_of<Block>(on, args); });
  return error;
}

}  // namespace openelm::gpu::cuda
