#pragma once

#include "gpu/bodies/matrix.h"
#include "quant/dtype.h"

namespace openelm::gpu {

template <class Block>
struct BlockTag {
  using Type = Block;
};

/// Calls f(BlockTag<B>) with the tag that bodies know a type by.
template <class F>
void with_block(DType type, F f) {
  switch (type) {
    case DType::f32:
      return f(BlockTag<float>{});
    case DType::f16:
      return f(BlockTag<Half>{});
    case DType::bf16:
      return f(BlockTag<Bfloat>{});
    case DType::q8_0:
      return f(BlockTag<BlockQ8_0>{});
    case DType::q4_0:
      return f(BlockTag<BlockQ4_0>{});
    case DType::q4_1:
      return f(BlockTag<BlockQ4_1>{});
    case DType::q5_0:
      return f(BlockTag<BlockQ5_0>{});
    case DType::q5_1:
      return f(BlockTag<BlockQ5_1>{});
    case DType::q2_k:
      return f(BlockTag<BlockQ2_K>{});
    case DType::q3_k:
      return f(BlockTag<BlockQ3_K>{});
    case DType::q4_k:
      return f(BlockTag<BlockQ4_K>{});
    case DType::q5_k:
      return f(BlockTag<BlockQ5_K>{});
    case DType::q6_k:
      return f(BlockTag<BlockQ6_K>{});
    case DType::iq4_nl:
      return f(BlockTag<BlockIQ4_NL>{});
  }
}

}  // namespace openelm::gpu
