#pragma once

// The bf16 product in tiles of several shapes, and the choice among them.

#include <cstddef>
#include <cstdint>

struct CUstream_st;

namespace openelm::gpu::cuda {

/// Columns that a tile takes at a time: 128 bytes of bf16.
inline constexpr uint32_t kGemmStep = 64;

/// y (=|+=) x · wᵀ or y = swiglu(x · wᵀ, x · upᵀ). Matrices are 16-byte aligned.
struct GemmArgs {
  const uint16_t* x;   // [n][ld], bf16
  const uint16_t* w;   // [rows][ld], bf16
  const uint16_t* up;  // the same, of a gated product
  uint32_t n, rows;
  uint32_t ld;  // elements, a multiple of kGemmStep
  uint32_t add;
  float* y;          // [n][ldy], or null
  uint16_t* y_bf16;  // [n][ld_bf16], or null; ld_bf16 is even
  uint32_t ldy, ld_bf16;
  uint32_t rows_bf16;  // of y_bf16; those past `rows` are set to 0
};

/// A compiled tile.
struct GemmTileInfo {
  uint32_t tokens, rows;  // weight rows: of a gated product, half of each matrix
  uint32_t threads;
  uint32_t shared_bytes;
  float speed;  // per output, relative to the largest
  void (*plain)(GemmArgs);
  void (*gated)(GemmArgs);
};

/// The first ones are of warpgroup instructions, which need compute capability 9.0; the next one needs more
/// shared memory than every chip has.
inline constexpr size_t kWarpgroupTileCount = 2, kLargeTileCount = 3, kGemmTileCount = 8;
extern const GemmTileInfo kWarpgroupTiles[kWarpgroupTileCount];
const GemmTileInfo& gemm_tile(size_t index) noexcept;

/// The tile that should be fastest, of those from `first` on. `rows`: of all weights, gate and up together.
size_t choose_gemm_tile(uint32_t n, uint32_t rows, uint32_t multiprocessors, size_t first) noexcept;

/// Raise the kernels' limits of shared memory, of tiles [first, end); a cudaError_t.
int prepare_gemm_tiles(size_t first, size_t end);
int prepare_gemm_few();

/// From which tile on all run on this device, whichever is chosen giving the same bits.
size_t find_first_gemm_tile();

/// Whether warpgroup tiles run on this device and give the bits of the others. Runs small products and waits
/// for them.
bool warpgroups_agree();

/// Enqueues; the launch's error, a cudaError_t.
int launch_gemm_tile(const GemmTileInfo& tile, const GemmArgs& args, bool gated, CUstream_st* stream);

/// The same product from Q8_0 or Q4_0 as they lie on the device, for few tokens; ld = cols, w and up are not
/// used.
struct FewArgs {
  GemmArgs product;
  const uint8_t* quants[2];   // of w and up, 16-byte aligned
  const uint16_t* scales[2];  // 4-byte aligned
};

/// Up to how many tokens that is faster than dequantizing first.
inline constexpr uint32_t kFewTokens = 128;

/// q4: Q4_0 instead of Q8_0. Enqueues; the launch's error, a cudaError_t.
int launch_gemm_few(const FewArgs& args, bool q4, bool gated, CUstream_st* stream);

}  // namespace openelm::gpu::cuda
