#include "quant/dtype.h"

#include "quant/blocks.h"

namespace openelm {
namespace {

constexpr DTypeInfo kTypes[] = {
    {DType::f32, "F32", 1, 4},
    {DType::f16, "F16", 1, 2},
    {DType::bf16, "BF16", 1, 2},
    {DType::q8_0, "Q8_0", kGroup, sizeof(BlockQ8_0)},
    {DType::q4_0, "Q4_0", kGroup, sizeof(BlockQ4_0)},
    {DType::q4_1, "Q4_1", kGroup, sizeof(BlockQ4_1)},
    {DType::q5_0, "Q5_0", kGroup, sizeof(BlockQ5_0)},
    {DType::q5_1, "Q5_1", kGroup, sizeof(BlockQ5_1)},
    {DType::q2_k, "Q2_K", kSuperBlock, sizeof(BlockQ2_K)},
    {DType::q3_k, "Q3_K", kSuperBlock, sizeof(BlockQ3_K)},
    {DType::q4_k, "Q4_K", kSuperBlock, sizeof(BlockQ4_K)},
    {DType::q5_k, "Q5_K", kSuperBlock, sizeof(BlockQ5_K)},
    {DType::q6_k, "Q6_K", kSuperBlock, sizeof(BlockQ6_K)},
    {DType::iq4_nl, "IQ4_NL", kGroup, sizeof(BlockIQ4_NL)},
};

}  // namespace

const DTypeInfo* find_dtype(uint32_t id) noexcept {
  for (const DTypeInfo& info : kTypes)
    if (static_cast<uint32_t>(info.type) == id) return &info;
  return nullptr;
}

const DTypeInfo& dtype_info(DType type) noexcept {
  const DTypeInfo* info = find_dtype(static_cast<uint32_t>(type));
  return info ? *info : kTypes[0];
}

}  // namespace openelm
