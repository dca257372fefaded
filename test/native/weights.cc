#include "weights.h"

#include <cstring>

#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"

namespace openelm::check {
namespace {

/// Where the f16 scale and the f16 minimum lie in a block, and where its quants do.
struct Layout {
  int scale, minimum;  // byte offsets, -1: none
  struct Range {
    size_t offset, size;
  } quants[2];
};

Layout layout_of(DType type) {
  switch (type) {
    case DType::q8_0:
      return {0, -1, {{2, 32}, {0, 0}}};
    case DType::q4_0:
    case DType::iq4_nl:
      return {0, -1, {{2, 16}, {0, 0}}};
    case DType::q4_1:
      return {0, 2, {{4, 16}, {0, 0}}};
    case DType::q5_0:
      return {0, -1, {{2, 20}, {0, 0}}};
    case DType::q5_1:
      return {0, 2, {{4, 20}, {0, 0}}};
    case DType::q2_k:
      return {80, 82, {{16, 64}, {0, 0}}};
    case DType::q3_k:
      return {108, -1, {{0, 96}, {0, 0}}};
    case DType::q4_k:
      return {0, 2, {{16, 128}, {0, 0}}};
    case DType::q5_k:
      return {0, 2, {{16, 160}, {0, 0}}};
    case DType::q6_k:
      return {208, -1, {{0, 192}, {0, 0}}};
    default:
      return {-1, -1, {{0, 0}, {0, 0}}};
  }
}

void put_half(uint8_t* block, int offset, uint16_t bits) {
  if (offset >= 0) std::memcpy(block + offset, &bits, sizeof bits);
}

float random_float(Scales scales, Random& random) {
  switch (scales) {
    case Scales::ordinary:
      return random.normal() * 0.05f;
    case Scales::largest:
      return random.below(2) ? 65504.0f : -65504.0f;
    case Scales::subnormal:
      return static_cast<float>(random.below(1024)) * 0x1p-24f;
    case Scales::zero:
      return random.below(2) ? 0.0f : -0.0f;
  }
  return 0;
}

uint16_t random_scale(Scales scales, Random& random) {
  const uint16_t sign = random.below(4) == 0 ? 0x8000 : 0;
  switch (scales) {
    case Scales::ordinary:
      return float_to_half(random.uniform(0.0005f, 0.02f)) | sign;
    case Scales::largest:
      return 0x7bff | sign;
    case Scales::subnormal:
      return static_cast<uint16_t>(random.below(1024)) | sign;
    case Scales::zero:
      return random.below(2) ? float_to_half(0.01f) : sign;
  }
  return 0;
}

void random_block(const DTypeInfo& info, Scales scales, Random& random, uint8_t* block) {
  const Layout layout = layout_of(info.type);
  random.bytes(block, info.block_bytes);
  const uint16_t scale = random_scale(scales, random);
  put_half(block, layout.scale, scale);
  put_half(block, layout.minimum, random_scale(scales, random));
  if (scales == Scales::ordinary || scales == Scales::subnormal) return;
  for (const auto& range : layout.quants) {
    for (size_t i = 0; i < range.size; ++i) {
      uint8_t& byte = block[range.offset + i];
      // The ends of every quant's range: all bits, no bits; for Q8_0 127, -127 and -128.
      if (scales == Scales::largest) {
        constexpr uint8_t kSigned[] = {127, 129, 128}, kUnsigned[] = {0, 255, 0};
        byte = (info.type == DType::q8_0 ? kSigned : kUnsigned)[random.below(3)];
      } else if ((scale & 0x7fff) != 0) {
        byte = 0;
      }
    }
  }
}

}  // namespace

void random_row(DType type, Scales scales, Random& random, uint8_t* dst, size_t n) {
  const DTypeInfo& info = dtype_info(type);
  for (size_t i = 0; i < n / info.block_elements; ++i) {
    uint8_t* block = dst + i * info.block_bytes;
    const float value = random_float(scales, random);
    const uint16_t half = float_to_half(value), bfloat = float_to_bfloat(value);
    switch (type) {
      case DType::f32:
        std::memcpy(block, &value, sizeof value);
        break;
      case DType::f16:
        std::memcpy(block, &half, sizeof half);
        break;
      case DType::bf16:
        std::memcpy(block, &bfloat, sizeof bfloat);
        break;
      default:
        random_block(info, scales, random, block);
    }
  }
}

std::vector<float> offsets_of_row(DType type, const uint8_t* row, size_t n) {
  std::vector<float> offsets(n, 0.0f);
  const Layout layout = layout_of(type);
  if (layout.minimum < 0) return offsets;
  const DTypeInfo& info = dtype_info(type);
  std::vector<uint8_t> copy(row, row + row_bytes(type, n));
  for (size_t i = 0; i < n / info.block_elements; ++i)
    for (const auto& range : layout.quants)
      std::memset(copy.data() + i * info.block_bytes + range.offset, 0, range.size);
  dequantize_row(type, copy.data(), offsets.data(), n);
  return offsets;
}

}  // namespace openelm::check
