// The bf16 product's tiles, thread by thread on the host, against sums in double: shapes that are no multiple
// of a tile, products that add, gated ones, outputs in bf16. And that a token's result is the same in every
// tile shape.

#include <cstdio>
#include <cstring>
#include <vector>

#include "gpu/cuda/gemm_warpgroup.cuh"
#include "gpu/emulated.h"

namespace openelm::gpu::cuda {
namespace {

struct Problem {
  uint32_t n, rows, cols;
  bool gated, add;
};

struct Data {
  explicit Data(const Problem& p) : ld((p.cols + kGemmStep - 1) / kGemmStep * kGemmStep) {
    emulation::Random random(p.n * 7919 + p.rows * 31 + p.cols);
    for (auto* matrix : {&w, &up}) fill(*matrix, p.rows, p.cols, random);
    fill(x, p.n, p.cols, random);
    y.resize(size_t{p.n} * ldy(p));
    for (float& v : y) v = random.symmetric();
  }
  static uint32_t ldy(const Problem& p) { return p.rows + 3; }

  void fill(std::vector<uint16_t>& matrix, uint32_t rows, uint32_t cols, emulation::Random& random) const {
    matrix.assign(size_t{rows} * ld, 0);
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t c = 0; c < cols; ++c) matrix[size_t{r} * ld + c] = float_to_bfloat(random.symmetric());
    }
  }
  double dot(const std::vector<uint16_t>& matrix, uint32_t token, uint32_t row) const {
    double sum = 0;
    for (uint32_t c = 0; c < ld; ++c) {
      sum += static_cast<double>(bfloat_to_float(x[size_t{token} * ld + c])) *
             bfloat_to_float(matrix[size_t{row} * ld + c]);
    }
    return sum;
  }

  uint32_t ld;
  std::vector<uint16_t> x, w, up;
  std::vector<float> y;
};

/// Runs a product in tiles of one shape; y as it came out.
template <class Tile>
std::vector<float> check(const char* name, const Problem& p) {
  const Data data(p);
  const uint32_t ldy = Data::ldy(p), ld_bf16 = (p.rows + 63) / 64 * 64;
  std::vector<float> y = data.y;
  std::vector<uint16_t> y_bf16(size_t{p.n} * ld_bf16, 0x7fc0);
  const GemmArgs args = {data.x.data(), data.w.data(), data.up.data(), p.n, p.rows,  data.ld,
                         p.add,         y.data(),      y_bf16.data(),  ldy, ld_bf16, ld_bf16};
  std::vector<char> shared(Tile::kSharedBytes + 1024);
  char* const aligned = shared.data() + (1024 - reinterpret_cast<uintptr_t>(shared.data()) % 1024) % 1024;
  bool finished = true;
  for (uint32_t row_block = 0; row_block * Tile::kOutputs < ld_bf16; ++row_block) {
    for (uint32_t token_block = 0; token_block * Tile::kTokens < p.n; ++token_block) {
      std::memset(aligned, 0xff, Tile::kSharedBytes);
      emulation::Block block(Tile::kThreads, row_block * 131 + token_block);
      finished &= block.run([&] { Tile::run(args, aligned, token_block, row_block); });
    }
  }
  double worst = finished ? 0 : INFINITY;
  for (uint32_t t = 0; t < p.n; ++t) {
    for (uint32_t r = 0; r < p.rows; ++r) {
      double expected = data.dot(data.w, t, r);
      if (p.gated) expected = expected / (1 + std::exp(-expected)) * data.dot(data.up, t, r);
      const double bound = 1e-5 * std::sqrt(p.cols);
      const double bf16 = bfloat_to_float(y_bf16[size_t{t} * ld_bf16 + r]);
      worst = emulation::larger(worst, std::abs(bf16 - expected) / (std::abs(expected) / 256 + bound));
      if (p.add) expected += data.y[size_t{t} * ldy + r];
      worst = emulation::larger(
          worst, std::abs(y[size_t{t} * ldy + r] - expected) / (bound * (1 + std::abs(expected))));
    }
    for (uint32_t r = p.rows; r < ldy; ++r) {
      if (y[size_t{t} * ldy + r] != data.y[size_t{t} * ldy + r]) worst = INFINITY;
    }
    for (uint32_t r = p.rows; r < ld_bf16; ++r) {
      if (y_bf16[size_t{t} * ld_bf16 + r] != 0) worst = INFINITY;
    }
  }
  char text[160];
  std::snprintf(text, sizeof text, "%s: %u tokens, %u rows, %u columns%s%s, error %.2f of its bound", name,
                p.n, p.rows, p.cols, p.gated ? ", gated" : "", p.add ? ", added" : "", worst);
  emulation::report(worst <= 1, text);
  return y;
}

}  // namespace

void check_gemm_tiles() {
  check<GemmTile<128, 128, 64, 64, 3, false>>("128 x 128", {130, 136, 200, false, false});
  check<GemmTile<128, 128, 64, 64, 3, true>>("128 x 128", {70, 100, 64, true, false});
  check<GemmTile<128, 256, 64, 64, 4, false>>("128 x 256", {9, 257, 320, false, true});
  check<GemmTile<64, 128, 32, 64, 3, true>>("64 x 128", {65, 70, 192, true, false});
  check<GemmTile<64, 64, 32, 32, 4, true>>("64 x 64", {33, 33, 448, true, false});

  const Problem small = {19, 75, 328, false, true};
  const std::vector<float> y = check<GemmTile<128, 128, 64, 64, 3, false>>("128 x 128", small);
  bool same = y == check<GemmTile<64, 128, 32, 64, 3, false>>("64 x 128", small);
  same &= y == check<GemmTile<64, 64, 32, 32, 4, false>>("64 x 64", small);
  same &= y == check<GemmTile<32, 64, 32, 16, 5, false>>("32 x 64", small);
  same &= y == check<GemmTile<16, 64, 16, 16, 5, false>>("16 x 64", small);
  emulation::report(same, "a result does not depend on the tile's shape");

  check<WarpgroupTile<256, true>>("warpgroups, 128 x 256", {131, 150, 500, true, false});
  check<WarpgroupTile<128, true>>("warpgroups, 128 x 128", {5, 33, 64, true, true});
  check<WarpgroupTile<256, false>>("warpgroups, 128 x 256", {90, 260, 128, false, true});
  same = y == check<WarpgroupTile<128, false>>("warpgroups, 128 x 128", small);
  same &= y == check<WarpgroupTile<256, false>>("warpgroups, 128 x 256", small);
  emulation::report(same, "nor on the instructions");

  check<GemmTile<32, 64, 32, 16, 5, true>>("32 x 64", {17, 45, 64, true, false});
  check<GemmTile<16, 64, 16, 16, 5, true>>("16 x 64", {16, 31, 640, true, false});
}

}  // namespace openelm::gpu::cuda
