#include "cpu/dispatch.h"

#include "cpu/features.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

/// The check program can be built with instructions emulated (test/native/emulation): any processor runs
/// those.
#if defined(OPENELM_EMULATED)
constexpr bool kEmulated = true;
#else
[[maybe_unused]] constexpr bool kEmulated = false;
#endif

/// A variant without kernels for 8-bit activations.
[[maybe_unused]] Variant plain(const KernelTable& table, bool supported) {
  return {table, table, supported};
}

#define OPENELM_TABLE(isa, token_tile)                                                                \
  KernelTable {                                                                                       \
#isa, matmul_##isa,                                                                               \
        {attention_scratch_bytes_##isa, attention_##isa, token_tile, 0 }, rms_norm_##isa, rope_##isa, \
         swiglu_##isa, softmax_##isa, kv_store_##isa, vocabulary_##isa(), probe_##isa()               \
  }

std::vector<Variant> all() {
  [[maybe_unused]] const CpuFeatures& cpu = cpu_features();
  std::vector<Variant> list{plain(OPENELM_TABLE(reference, 16), true)};
#if defined(OPENELM_HAVE_AVX2)
  list.push_back(plain(OPENELM_TABLE(avx2, 32), cpu.avx2));
#endif
#if defined(OPENELM_HAVE_AVX512)
  list.push_back(plain(OPENELM_TABLE(avx512, 32), kEmulated || cpu.avx512));
  list.back().int8.matmul = matmul_int8_avx512;
#endif
#if defined(OPENELM_HAVE_AMX)
  KernelTable amx = OPENELM_TABLE(avx512, 32);
  amx.name = "amx";
  amx.matmul = matmul_amx;
  amx.attention = {attention_scratch_bytes_amx, attention_amx, 32, kAmxAttentionRounding};
  amx.probe = probe_amx();
  list.push_back(plain(amx, kEmulated || cpu.amx));
#endif
#if defined(OPENELM_HAVE_NEON)
  list.push_back(plain(OPENELM_TABLE(neon, 32), cpu.neon));
#endif
  return list;
}

}  // namespace

const std::vector<Variant>& variants() noexcept {
  static const std::vector<Variant> list = all();
  return list;
}

const KernelTable* find_kernels(std::string_view name, bool int8) noexcept {
  for (const Variant& variant : variants())
    if (variant.supported && name == variant.table.name) return int8 ? &variant.int8 : &variant.table;
  return nullptr;
}

const KernelTable& best_kernels() noexcept {
  const KernelTable* best = nullptr;
  for (const Variant& variant : variants())
    if (variant.supported) best = &variant.table;
  return *best;
}

}  // namespace openelm
