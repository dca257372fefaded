// Products for few tokens with weights of these types.

#include "gpu/cuda/matvec.cuh"

namespace openelm::gpu::cuda {

OPENELM_INSTANTIATE_MATVEC(BlockQ4_0)

}  // namespace openelm::gpu::cuda
