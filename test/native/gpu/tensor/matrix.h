#pragma once

// Weights for checks: random blocks of any type, on the device as device.h lays them out, and their values.

#include <cstring>
#include <vector>

#include "gpu/tensor/memory.h"
#include "quant/blocks.h"
#include "quant/dequantize.h"
#include "quant/half.h"

namespace openelm::gpu::cuda {

class TestMatrix {
 public:
  TestMatrix(DType type, uint32_t rows, uint32_t cols, uint64_t seed)
      : bytes_(rows * row_bytes(type, cols) + 16),
        type_(type),
        rows_(rows),
        cols_(cols),
        quants_(bytes_.size()) {
    emulation::Random random(seed);
    const DTypeInfo& info = dtype_info(type);
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random.next() >> 40);
    for (size_t b = 0; b < size_t{rows} * cols / info.block_elements; ++b)
      tame(bytes_.data() + b * info.block_bytes, random);
    std::vector<uint8_t> layout = bytes_;
    if (type == DType::q8_0 || type == DType::q4_0) split(info, layout);
    quants_.set(layout);
  }

  DeviceMatrix device() const {
    DeviceMatrix m;
    m.type = type_;
    m.rows = rows_;
    m.cols = cols_;
    m.quants = quants_.address();
    if (type_ == DType::q8_0 || type_ == DType::q4_0) m.scales = m.quants + scales_at_;
    return m;
  }

  std::vector<float> row(uint32_t r) const {
    std::vector<float> values(cols_);
    dequantize_row(type_, bytes_.data() + r * row_bytes(type_, cols_), values.data(), cols_);
    return values;
  }

 private:
  static void put_half(uint8_t* to, float v) {
    const uint16_t bits = float_to_half(v);
    std::memcpy(to, &bits, 2);
  }

  /// Makes a block's scales, or an element, of ordinary size.
  void tame(uint8_t* block, emulation::Random& random) const {
    const float v = random.symmetric(), scale = 0.01f * v;
    switch (type_) {
      case DType::f32:
        std::memcpy(block, &v, 4);
        break;
      case DType::f16:
        put_half(block, v);
        break;
      case DType::bf16: {
        const uint16_t bits = float_to_bfloat(v);
        std::memcpy(block, &bits, 2);
        break;
      }
      case DType::q6_k:
        put_half(block + 208, 0.01f * scale);
        break;
      case DType::q3_k:
        put_half(block + 108, 0.01f * scale);
        break;
      case DType::q2_k:
        put_half(block + 80, scale);
        put_half(block + 82, scale);
        break;
      case DType::q4_1:
      case DType::q5_1:
      case DType::q4_k:
      case DType::q5_k:
        put_half(block + 2, scale);
        [[fallthrough]];
      default:
        put_half(block, scale);
    }
  }

  /// Quants of all blocks, then their scales from a multiple of 16 bytes.
  void split(const DTypeInfo& info, std::vector<uint8_t>& layout) {
    const size_t blocks = size_t{rows_} * cols_ / info.block_elements, quants = info.block_bytes - 2;
    scales_at_ = (blocks * quants + 15) / 16 * 16;
    for (size_t b = 0; b < blocks; ++b) {
      std::memcpy(layout.data() + b * quants, bytes_.data() + b * info.block_bytes + 2, quants);
      std::memcpy(layout.data() + scales_at_ + b * 2, bytes_.data() + b * info.block_bytes, 2);
    }
  }

  std::vector<uint8_t> bytes_;
  DType type_;
  uint32_t rows_, cols_;
  size_t scales_at_ = 0;
  Array<uint8_t> quants_;
};

}  // namespace openelm::gpu::cuda
