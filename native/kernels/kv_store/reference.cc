// Storing a head's vector in the kv cache, scalar.

#include "kernels/variants.h"
#include "quant/quantize.h"

namespace openelm {

void kv_store_reference(const float* x, size_t head_dim, KvType type, uint8_t* dst) {
  switch (type) {
    case KvType::f32:
      quantize_row(DType::f32, x, dst, head_dim);
      return;
    case KvType::f16:
      quantize_row(DType::f16, x, dst, head_dim);
      return;
    case KvType::q8_0:
      quantize_row(DType::q8_0, x, dst, head_dim);
      return;
  }
}

}  // namespace openelm
