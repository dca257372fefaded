// Matmul, AVX-512 with VNNI: which kernels serve a weight type. The kernels are in the avx512_*.h beside this
// file.

#include "kernels/matmul/avx512_bytes.h"
#include "kernels/matmul/avx512_decode.h"
#include "kernels/matmul/avx512_floats.h"
#include "kernels/matmul/avx512_panel.h"
#include "kernels/matmul/avx512_stream.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

size_t no_scratch(size_t /*tokens*/, size_t /*cols*/) {
  return 0;
}

/// Rows streamed for few tokens.
template <class Format>
constexpr MatmulImpl kStream{
    "i16_stream_avx512", Activations::i16,  1, 1, Integers::bytes, pack_integers<Format::kOrder>,
    no_scratch,          run_stream<Format>};

/// Rows of the commonest formats for few tokens.
template <class Format>
constexpr MatmulImpl kDecode{"i15_decode_avx512",
                             Activations::i16,
                             1,
                             1,
                             Planes::bytes,
                             pack_planes<Format::kOrder, Format::kConstant, Format::kShared>,
                             no_scratch,
                             run_decode<Format>};

/// Panels for many tokens.
template <class Format>
constexpr MatmulImpl kPanels{"i13_panel_avx512", Activations::i13,  kTileTokens,
                             kGroupRows,         TokenTiles::bytes, pack_tiles<Format::kOrder>,
                             Panel::bytes,       run_panels<Format>};

/// The same with 8-bit activations.
template <class Format>
constexpr MatmulImpl kBytePanels{"i8_panel_avx512", Activations::i8,  kByteTileTokens,
                                 kByteRows,         ByteTiles::bytes, pack_bytes<Format::kConstant>,
                                 BytePanel::bytes,  run_bytes<Format>};

template <class Format>
constexpr MatmulImpl kFloatStream{"f32_stream_avx512", Activations::f32, 1,          1,
                                  floats_packed_bytes, pack_floats,      no_scratch, stream_floats<Format>};

template <class Format>
constexpr MatmulImpl kFloatPanels{"f32_panel_avx512",   Activations::f32,    1,
                                  kFloatPanelRows,      floats_packed_bytes, pack_floats,
                                  floats_scratch_bytes, panel_floats<Format>};

constexpr MatmulImpl kExpandedStream{"expanded_stream_avx512",
                                     Activations::f32,
                                     1,
                                     1,
                                     floats_packed_bytes,
                                     pack_floats,
                                     expanded_scratch_bytes,
                                     run_expanded<stream_floats<F32>>};

constexpr MatmulImpl kExpandedPanels{"expanded_panel_avx512",
                                     Activations::f32,
                                     1,
                                     kFloatPanelRows,
                                     floats_packed_bytes,
                                     pack_floats,
                                     expanded_scratch_bytes,
                                     run_expanded<panel_floats<F32>>};

template <class Format>
const MatmulImpl* floats(size_t tokens) {
  return tokens <= kStreamTokens ? &kFloatStream<Format> : &kFloatPanels<Format>;
}

const MatmulImpl* expanded(size_t tokens) {
  return tokens <= kStreamTokens ? &kExpandedStream : &kExpandedPanels;
}

template <class Format>
const MatmulImpl* integers(size_t tokens) {
  return tokens <= kStreamTokens ? &kStream<Format> : &kPanels<Format>;
}

template <class Unit, class Format>
const MatmulImpl* common(size_t tokens) {
  return tokens <= kDecodeTokens ? &kDecode<Unit> : &kPanels<Format>;
}

/// The implementation with 8-bit activations, null where the type has none.
const MatmulImpl* byte_panels(DType type) {
  switch (type) {
    case DType::q8_0:
      return &kBytePanels<BytesQ8_0>;
    case DType::q4_0:
      return &kBytePanels<BytesQ4_0>;
    case DType::q4_1:
      return &kBytePanels<BytesQ4_1>;
    case DType::q5_0:
      return &kBytePanels<BytesQ5_0>;
    case DType::q5_1:
      return &kBytePanels<BytesQ5_1>;
    case DType::q4_k:
      return &kBytePanels<BytesQ4_K>;
    case DType::q5_k:
      return &kBytePanels<BytesQ5_K>;
    case DType::iq4_nl:
      return &kBytePanels<BytesIQ4_NL>;
    default:
      return nullptr;
  }
}

}  // namespace

const MatmulImpl* matmul_int8_avx512(DType type, size_t tokens) {
  const MatmulImpl* impl = tokens > kStreamTokens ? byte_panels(type) : nullptr;
  return impl ? impl : matmul_avx512(type, tokens);
}

const MatmulImpl* matmul_avx512(DType type, size_t tokens) {
  switch (type) {
    case DType::f32:
      return floats<F32>(tokens);
    case DType::f16:
      return floats<F16>(tokens);
    case DType::bf16:
      return floats<BF16>(tokens);
    case DType::q8_0:
      return integers<Q8_0>(tokens);
    case DType::q4_0:
      return common<UnitQ4_0, Q4_0Centered>(tokens);
    case DType::q4_1:
      return integers<Q4_1>(tokens);
    case DType::q5_0:
      return integers<Q5_0>(tokens);
    case DType::q5_1:
      return integers<Q5_1>(tokens);
    case DType::q3_k:
      return integers<Q3_K>(tokens);
    case DType::q4_k:
      return common<UnitQ4_K, Q4_K>(tokens);
    case DType::q5_k:
      return common<UnitQ5_K, Q5_K>(tokens);
    case DType::q6_k:
      return common<UnitQ6_K, Q6_K>(tokens);
    case DType::iq4_nl:
      return integers<IQ4_NL>(tokens);
    case DType::q2_k:  // its minima change every 16 columns
      return expanded(tokens);
  }
  return expanded(tokens);
}

}  // namespace openelm
