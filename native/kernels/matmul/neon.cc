// Matmul, NEON: which kernel for which type and batch.

#include "kernels/matmul/neon_decode.h"
#include "kernels/matmul/neon_float.h"
#include "kernels/matmul/neon_prefill.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

using namespace neon;

/// From here on unpacking a panel costs less than it saves (instructions for 8 rows × 32 columns × 4 tokens:
/// about 290 with a panel, 380 without).
constexpr size_t kPrefillTokens = 4;

template <class Weights>
constexpr MatmulImpl decode(const char* name) {
  return {
      name, Activations::i16, 1, 4, planes_bytes<1>, pack_planes<1>, no_scratch_bytes, run_decode<Weights>};
}

template <class Weights>
constexpr MatmulImpl prefill(const char* name) {
  return {name,
          Activations::i16,
          kTileTokens,
          kTileRows,
          planes_bytes<kTileTokens>,
          pack_planes<kTileTokens>,
          prefill_scratch_bytes,
          run_prefill<Weights>};
}

constexpr MatmulImpl float_decode(const char* name, size_t rows, size_t (*scratch)(size_t, size_t),
                                  void (*run)(const MatmulArgs&)) {
  return {name, Activations::f32, 1, rows, float_decode_packed_bytes, float_decode_pack, scratch, run};
}

constexpr MatmulImpl kDecodeQ8_0 = decode<WeightsQ8_0>("q8_0_neon");
constexpr MatmulImpl kDecodeQ4_0 = decode<WeightsQ4_0>("q4_0_neon");
constexpr MatmulImpl kPrefillQ8_0 = prefill<WeightsQ8_0>("q8_0_neon_panel");
constexpr MatmulImpl kPrefillQ4_0 = prefill<WeightsQ4_0>("q4_0_neon_panel");
constexpr MatmulImpl kDecodeF32 = float_decode("f32_neon", 4, no_scratch_bytes, run_float_decode<Float32>);
constexpr MatmulImpl kDecodeF16 = float_decode("f16_neon", 4, no_scratch_bytes, run_float_decode<Float16>);
constexpr MatmulImpl kDecodeBF16 = float_decode("bf16_neon", 4, no_scratch_bytes, run_float_decode<BFloat16>);
constexpr MatmulImpl kDecodeAny =
    float_decode("dequantize_neon", 1, dequantize_scratch_bytes, run_dequantize_decode);
constexpr MatmulImpl kPrefillAny{"float_neon_panel",
                                 Activations::f32,
                                 kFloatTile,
                                 kTileRows,
                                 float_prefill_packed_bytes,
                                 float_prefill_pack,
                                 float_prefill_scratch_bytes,
                                 run_float_prefill};

}  // namespace

const MatmulImpl* matmul_neon(DType type, size_t tokens) {
  const bool prefills = tokens >= kPrefillTokens;
  switch (type) {
    case DType::q8_0:
      return prefills ? &kPrefillQ8_0 : &kDecodeQ8_0;
    case DType::q4_0:
      return prefills ? &kPrefillQ4_0 : &kDecodeQ4_0;
    case DType::f32:
      return prefills ? &kPrefillAny : &kDecodeF32;
    case DType::f16:
      return prefills ? &kPrefillAny : &kDecodeF16;
    case DType::bf16:
      return prefills ? &kPrefillAny : &kDecodeBF16;
    default:
      return prefills ? &kPrefillAny : &kDecodeAny;
  }
}

}  // namespace openelm
