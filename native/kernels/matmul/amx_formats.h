#pragma once

// How each weight type becomes bf16.

#include "kernels/matmul/amx_weights.h"
#include "kernels/matmul/matmul.h"

namespace openelm {
namespace {

static_assert(kMostSteps * kStepColumns == kSuperBlock);

/// Make<Format>::impl for a weight type.
template <template <class Format> class Make>
const MatmulImpl* for_bf16_format(DType type) {
  switch (type) {
    case DType::f32:
      return &Make<Bf16FromF32>::impl;
    case DType::f16:
      return &Make<Bf16FromF16>::impl;
    case DType::bf16:
      return &Make<Bf16FromBf16>::impl;
    case DType::q8_0:
      return &Make<Bf16FromQ8_0>::impl;
    case DType::q4_0:
      return &Make<Bf16FromNibbles<BlockQ4_0, kQ4Values>>::impl;
    case DType::iq4_nl:
      return &Make<Bf16FromNibbles<BlockIQ4_NL, kIq4Values>>::impl;
    case DType::q4_1:
      return &Make<Bf16FromGroups<Q4_1>>::impl;
    case DType::q5_0:
      return &Make<Bf16FromGroups<Q5_0>>::impl;
    case DType::q5_1:
      return &Make<Bf16FromGroups<Q5_1>>::impl;
    case DType::q3_k:
      return &Make<Bf16FromGroups<Q3_K>>::impl;
    case DType::q4_k:
      return &Make<Bf16FromGroups<Q4_K>>::impl;
    case DType::q5_k:
      return &Make<Bf16FromGroups<Q5_K>>::impl;
    case DType::q6_k:
      return &Make<Bf16FromGroups<Q6_K>>::impl;
    case DType::q2_k:
      break;
  }
  return &Make<Bf16FromAny<DType::q2_k>>::impl;
}

}  // namespace
}  // namespace openelm
