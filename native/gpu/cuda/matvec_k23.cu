// Products for few tokens with weights of these types.

#include "gpu/cuda/matvec.cuh"

namespace openelm::gpu::cuda {

OPENELM_INSTANTIATE_MATVEC(BlockQ2_K)
OPENELM_INSTANTIATE_MATVEC(BlockQ3_K)

}  // namespace openelm::gpu::cuda
