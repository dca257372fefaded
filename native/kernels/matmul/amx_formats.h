#pragma once

// How each weight type becomes bf16.

#include "kernels/matmul/amx_weights.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

static_assert(kMostSteps * kStepColumns == kSuperBlock);

/// Make<Format, block_steps>::impl for a weight type: block_steps is the number of steps of 32 columns that
/// are dequantized at a time, `steps` or, where scales belong to 256 columns, all of those.
template <template <class Format, size_t block_steps> class Make, size_t steps>
const MatmulImpl* for_bf16_format(DType type) {
  static_assert(steps <= kMostSteps);
  switch (type) {
    case DType::f32:
      return &Make<Bf16FromF32, steps>::impl;
    case DType::f16:
      return &Make<Bf16FromF16, steps>::impl;
    case DType::bf16:
      return &Make<Bf16FromBf16, steps>::impl;
    case DType::q8_0:
      return &Make<Bf16FromQ8_0, steps>::impl;
    case DType::q4_0:
      return &Make<Bf16FromNibbles<BlockQ4_0, kQ4Values>, steps>::impl;
    case DType::iq4_nl:
      return &Make<Bf16FromNibbles<BlockIQ4_NL, kIq4Values>, steps>::impl;
    case DType::q4_1:
      return &Make<Bf16FromGroups<Q4_1>, kMostSteps>::impl;
    case DType::q5_0:
      return &Make<Bf16FromGroups<Q5_0>, kMostSteps>::impl;
    case DType::q5_1:
      return &Make<Bf16FromGroups<Q5_1>, kMostSteps>::impl;
    case DType::q3_k:
      return &Make<Bf16FromGroups<Q3_K>, kMostSteps>::impl;
    case DType::q4_k:
      return &Make<Bf16FromGroups<Q4_K>, kMostSteps>::impl;
    case DType::q5_k:
      return &Make<Bf16FromGroups<Q5_K>, kMostSteps>::impl;
    case DType::q6_k:
      return &Make<Bf16FromGroups<Q6_K>, kMostSteps>::impl;
    case DType::q2_k:
      break;
  }
  return &Make<Bf16FromAny<DType::q2_k>, kMostSteps>::impl;
}

}  // namespace
}  // namespace openelm
