// Products for few tokens with weights of these types.

#include "gpu/cuda/matvec.cuh"

namespace openelm::gpu::cuda {

OPENELM_INSTANTIATE_MATVEC(float)
OPENELM_INSTANTIATE_MATVEC(Half)
OPENELM_INSTANTIATE_MATVEC(Bfloat)

}  // namespace openelm::gpu::cuda
