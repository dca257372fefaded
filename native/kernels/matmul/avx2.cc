// Matmul, AVX2: which kernel for which weights and how many tokens.

#include "kernels/matmul/avx2_direct.h"
#include "kernels/matmul/avx2_float.h"
#include "kernels/matmul/avx2_panel.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// Most tokens for which unpacking and transposing panels does not pay (bench/README.md).
constexpr size_t kDirectTokens = 6;
constexpr size_t kDirectFloatTokens = 6;

size_t no_scratch(size_t /*tokens*/, size_t /*cols*/) {
  return 0;
}

/// The two implementations for a type.
struct Implementations {
  MatmulImpl direct, panel;
};

template <template <class, int> class Direct, class Format>
constexpr Implementations integer_pair(const char* direct, const char* panel) {
  using Packed = typename Direct<Format, 1>::Packed;
  return {{direct, Activations::i16, 1, 1, Activation<Packed>::bytes, pack_activations<Packed>, no_scratch,
           run_direct<Direct, Format>},
          {panel, Activations::i16, 1, kPanelRows, Activation<Crossed>::bytes, pack_activations<Crossed>,
           panel_scratch_bytes, run_panel<Format>}};
}

template <class Type>
constexpr Implementations float_pair(const char* direct, const char* panel) {
  return {
      {direct, Activations::f32, 1, 4, float_packed_bytes, pack_floats, no_scratch, run_float_direct<Type>},
      {panel, Activations::f32, 1, kPanelRows, float_packed_bytes, pack_floats, float_scratch_bytes,
       run_float_panel<Plain<Type>>}};
}

constexpr Implementations kQ8_0 = integer_pair<WideBlock, Q8_0>("q8_0_avx2", "q8_0_avx2_panel");
constexpr Implementations kQ4_0 = integer_pair<NibbleBlock, Q4_0>("q4_0_avx2", "q4_0_avx2_panel");
constexpr Implementations kQ4_1 = integer_pair<NibbleBlock, Q4_1>("q4_1_avx2", "q4_1_avx2_panel");
constexpr Implementations kQ5_0 = integer_pair<WideBlock, Q5_0>("q5_0_avx2", "q5_0_avx2_panel");
constexpr Implementations kQ5_1 = integer_pair<WideBlock, Q5_1>("q5_1_avx2", "q5_1_avx2_panel");
constexpr Implementations kIQ4_NL = integer_pair<WideBlock, IQ4_NL>("iq4_nl_avx2", "iq4_nl_avx2_panel");
constexpr Implementations kQ3_K = integer_pair<WideBlock, Q3_K>("q3_k_avx2", "q3_k_avx2_panel");
constexpr Implementations kQ4_K = integer_pair<SuperBlock, Q4_K>("q4_k_avx2", "q4_k_avx2_panel");
constexpr Implementations kQ5_K = integer_pair<SuperBlock, Q5_K>("q5_k_avx2", "q5_k_avx2_panel");
constexpr Implementations kQ6_K = integer_pair<WideBlock, Q6_K>("q6_k_avx2", "q6_k_avx2_panel");
constexpr Implementations kF32 = float_pair<F32>("f32_avx2", "f32_avx2_panel");
constexpr Implementations kF16 = float_pair<F16>("f16_avx2", "f16_avx2_panel");
constexpr Implementations kBF16 = float_pair<BF16>("bf16_avx2", "bf16_avx2_panel");
constexpr MatmulImpl kDequantized{"dequantized_avx2",
                                  Activations::f32,
                                  1,
                                  kPanelRows,
                                  float_packed_bytes,
                                  pack_floats,
                                  float_scratch_bytes,
                                  run_float_panel<Dequantized>};

const MatmulImpl* choose(const Implementations& pair, size_t tokens, size_t most_direct) {
  return tokens <= most_direct ? &pair.direct : &pair.panel;
}

}  // namespace

const MatmulImpl* matmul_avx2(DType type, size_t tokens) {
  switch (type) {
    case DType::q8_0:
      return choose(kQ8_0, tokens, kDirectTokens);
    case DType::q4_0:
      return choose(kQ4_0, tokens, kDirectTokens);
    case DType::q4_1:
      return choose(kQ4_1, tokens, kDirectTokens);
    case DType::q5_0:
      return choose(kQ5_0, tokens, kDirectTokens);
    case DType::q5_1:
      return choose(kQ5_1, tokens, kDirectTokens);
    case DType::iq4_nl:
      return choose(kIQ4_NL, tokens, kDirectTokens);
    case DType::q3_k:
      return choose(kQ3_K, tokens, kDirectTokens);
    case DType::q4_k:
      return choose(kQ4_K, tokens, kDirectTokens);
    case DType::q5_k:
      return choose(kQ5_K, tokens, kDirectTokens);
    case DType::q6_k:
      return choose(kQ6_K, tokens, kDirectTokens);
    case DType::f32:
      return choose(kF32, tokens, kDirectFloatTokens);
    case DType::f16:
      return choose(kF16, tokens, kDirectFloatTokens);
    case DType::bf16:
      return choose(kBF16, tokens, kDirectFloatTokens);
    default:
      return &kDequantized;
  }
}

}  // namespace openelm
