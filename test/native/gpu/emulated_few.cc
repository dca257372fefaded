// The product from quantized weights for few tokens, thread by thread on the host: bit for bit what the bf16
// product gives for the same weights, dequantized.

#include <cstring>
#include <vector>

#include "gpu/cuda/gemm_few.cuh"
#include "gpu/emulated.h"
#include "quant/dequantize.h"

namespace openelm::gpu::cuda {
namespace {

struct Problem {
  uint32_t n, rows, cols;
};

/// A random matrix in blocks of a file, on the device, and in bf16.
template <class Block>
struct Weights {
  static constexpr DType kType = sizeof(Block) == sizeof(BlockQ8_0) ? DType::q8_0 : DType::q4_0;

  Weights(const Problem& p, emulation::Random& random) {
    std::vector<uint8_t> file;
    for (uint32_t b = 0; b < p.rows * p.cols / kGroup; ++b) {
      Block block;
      block.d = float_to_half(0.02f * random.symmetric());
      for (auto& q : block.qs) q = static_cast<uint8_t>(random.next());
      const auto* bytes = reinterpret_cast<const uint8_t*>(&block);
      file.insert(file.end(), bytes, bytes + sizeof block);
      quants.insert(quants.end(), bytes + sizeof block.d, bytes + sizeof block);
      scales.push_back(block.d);
    }
    std::vector<float> values(size_t{p.rows} * p.cols);
    dequantize_row(kType, file.data(), values.data(), values.size());
    for (const float v : values) bf16.push_back(float_to_bfloat(v));
  }
  std::vector<uint8_t> quants;
  std::vector<uint16_t> scales, bf16;
};

template <class Tile, class Args>
bool run(const Args& args, const Problem& p) {
  std::vector<char> shared(Tile::kSharedBytes + 128);
  char* const aligned = shared.data() + (128 - reinterpret_cast<uintptr_t>(shared.data()) % 128) % 128;
  bool finished = true;
  for (uint32_t row_block = 0; row_block * Tile::kOutputs < p.rows; ++row_block) {
    for (uint32_t token_block = 0; token_block * Tile::kTokens < p.n; ++token_block) {
      std::memset(aligned, 0xff, Tile::kSharedBytes);
      emulation::Block block(Tile::kThreads, row_block * 131 + token_block);
      finished &= block.run([&] { Tile::run(args, aligned, token_block, row_block); });
    }
  }
  return finished;
}

template <class Block, uint32_t kTokens, uint32_t kWarpRows, uint32_t kStages, bool kGated>
void check(const Problem& p) {
  emulation::Random random(p.n * 7919 + p.rows * 31 + p.cols);
  const Weights<Block> w(p, random), up(p, random);
  std::vector<uint16_t> x(size_t{p.n} * p.cols);
  for (uint16_t& v : x) v = float_to_bfloat(random.symmetric());
  std::vector<float> expected(size_t{p.n} * p.rows), y(expected.size());

  GemmArgs args = {};
  args.x = x.data();
  args.w = w.bf16.data();
  args.up = up.bf16.data();
  args.n = p.n;
  args.rows = args.ldy = p.rows;
  args.ld = p.cols;
  args.y = expected.data();
  bool finished = run<GemmTile<32, 64, 32, 16, 5, kGated>>(args, p);
  args.y = y.data();
  args.w = args.up = nullptr;
  const FewArgs few = {args, {w.quants.data(), up.quants.data()}, {w.scales.data(), up.scales.data()}};
  finished &= run<FewTile<Block, kTokens, 32, kWarpRows, kStages, kGated>>(few, p);

  char text[160];
  std::snprintf(text, sizeof text, "few: %s%s, %u tokens, %u rows, %u columns: as the bf16 product",
                dtype_info(w.kType).name, kGated ? ", gated" : "", p.n, p.rows, p.cols);
  emulation::report(finished && y == expected, text);
}

}  // namespace

void check_gemm_few() {
  check<BlockQ8_0, 16, 8, 12, false>({9, 33, 128});
  check<BlockQ8_0, 32, 8, 10, false>({31, 64, 1280});
  check<BlockQ8_0, 64, 8, 8, false>({70, 40, 192});
  check<BlockQ8_0, 16, 16, 12, true>({16, 50, 64});
  check<BlockQ8_0, 64, 16, 8, true>({64, 17, 576});
  check<BlockQ4_0, 16, 8, 12, false>({15, 65, 256});
  check<BlockQ4_0, 32, 16, 10, true>({32, 48, 192});
  check<BlockQ4_0, 64, 8, 8, false>({65, 32, 768});
  check<BlockQ4_0, 64, 16, 8, true>({40, 31, 64});
}

}  // namespace openelm::gpu::cuda
