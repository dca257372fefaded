// Products for few tokens with weights of these types.

#include "gpu/cuda/matvec.cuh"

namespace openelm::gpu::cuda {

OPENELM_INSTANTIATE_MATVEC(BlockQ4_K)
OPENELM_INSTANTIATE_MATVEC(BlockQ5_K)
OPENELM_INSTANTIATE_MATVEC(BlockQ6_K)

}  // namespace openelm::gpu::cuda
