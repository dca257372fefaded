// Probe, AMX: TDPBF16PS on four independent tiles of sums, the block that the batch matmul uses. It occupies
// the unit for 16 cycles with a latency of 52. Reading is avx512's.

#include "kernels/simd/tile_state.h"
#include "kernels/simd/zmm.h"
#include "kernels/variants.h"

namespace openelm {
namespace {

double multiply_add(size_t rounds, uint64_t* sink) {
  alignas(64) uint64_t tile[16][8] = {};
  const TileState state;
  finish_stores(tile);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, tile, 64);
  _tile_loadd(6, tile, 64);
  for (size_t i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 6);
    _tile_dpbf16ps(3, 4, 6);
  }
  _tile_stored(0, tile, 64);
  *sink += tile[0][0];
  return 2.0 * 4 * 16 * 16 * 32 * static_cast<double>(rounds);
}

}  // namespace

ProbeImpl probe_amx() {
  return {"tdpbf16ps", probe_avx512().read, multiply_add};
}

}  // namespace openelm
