// Products for few tokens with weights of these types.

#include "gpu/cuda/matvec.cuh"

namespace openelm::gpu::cuda {

OPENELM_INSTANTIATE_MATVEC(BlockQ4_1)
OPENELM_INSTANTIATE_MATVEC(BlockQ5_0)
OPENELM_INSTANTIATE_MATVEC(BlockQ5_1)
OPENELM_INSTANTIATE_MATVEC(BlockIQ4_NL)

}  // namespace openelm::gpu::cuda
