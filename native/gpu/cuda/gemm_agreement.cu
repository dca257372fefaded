// Whether the tensor cores round alike behind both kinds of instructions. NVIDIA specifies neither's order of
// additions within 16 columns, so this asks the chip: a token's result must not depend on which tile it fell
// into.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "gpu/cuda/gemm_tiles.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kTokens = 192, kRows = 320, kCols = 1024;

/// bf16 numbers of all signs, with magnitudes between 2^-8 and 2: xorshift.
std::vector<uint16_t> random_matrix(size_t count, uint64_t seed) {
  std::vector<uint16_t> matrix(count);
  uint64_t state = seed;
  for (uint16_t& v : matrix) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const auto exponent = static_cast<uint16_t>(119 + (state >> 40) % 9);
    v = static_cast<uint16_t>(exponent << 7 | (state & 127) | (state >> 20 & 1) << 15);
  }
  return matrix;
}

struct DeviceArrays {
  ~DeviceArrays() {
    for (void* p : pointers) cudaFree(p);
  }
  void* add(size_t bytes, const void* from) {
    void* p = nullptr;
    if (cudaMalloc(&p, bytes) != cudaSuccess) return nullptr;
    pointers.push_back(p);
    if (from != nullptr && cudaMemcpy(p, from, bytes, cudaMemcpyHostToDevice) != cudaSuccess) return nullptr;
    return p;
  }
  std::vector<void*> pointers;
};

/// The product in one tile; empty when that fails.
std::vector<float> run(const GemmArgs& args, const GemmTileInfo& tile, bool gated) {
  std::vector<float> y(size_t{kTokens} * kRows);
  const size_t bytes = y.size() * sizeof(float);
  if (cudaMemset(args.y, 0xff, bytes) != cudaSuccess) return {};
  if (launch_gemm_tile(tile, args, gated, nullptr) != cudaSuccess) return {};
  if (cudaMemcpy(y.data(), args.y, bytes, cudaMemcpyDeviceToHost) != cudaSuccess) return {};
  return y;
}

bool agree(const GemmArgs& args) {
  for (const bool gated : {false, true}) {
    const std::vector<float> expected = run(args, gemm_tile(kWarpgroupTileCount), gated);
    for (const GemmTileInfo& tile : kWarpgroupTiles) {
      const std::vector<float> y = run(args, tile, gated);
      if (y.empty() || y.size() != expected.size()) return false;
      if (std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) != 0) return false;
    }
  }
  return true;
}

}  // namespace

bool warpgroups_agree() {
  int device = 0, major = 0, minor = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return false;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  if (major != 9 || minor != 0) return false;
  bool same = false;
  if (prepare_gemm_tiles(0, kWarpgroupTileCount) == cudaSuccess) {
    DeviceArrays arrays;
    GemmArgs args = {};
    const auto upload = [&](uint32_t rows, uint64_t seed) {
      const std::vector<uint16_t> matrix = random_matrix(size_t{rows} * kCols, seed);
      return static_cast<uint16_t*>(arrays.add(matrix.size() * sizeof(uint16_t), matrix.data()));
    };
    args.x = upload(kTokens, 0x9e3779b97f4a7c15);
    args.w = upload(kRows, 0xbf58476d1ce4e5b9);
    args.up = upload(kRows, 0x94d049bb133111eb);
    args.n = kTokens;
    args.rows = args.ldy = kRows;
    args.ld = kCols;
    args.y = static_cast<float*>(arrays.add(size_t{kTokens} * kRows * sizeof(float), nullptr));
    same = args.x != nullptr && args.w != nullptr && args.up != nullptr && args.y != nullptr && agree(args);
  }
  // What failed here is no failure of the device's work.
  if (!same) cudaGetLastError();
  return same;
}

}  // namespace openelm::gpu::cuda
