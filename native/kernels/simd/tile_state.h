#pragma once

// The tile registers of AMX and their configuration.

#include <cstdint>

#include "kernels/simd/x86.h"

namespace openelm {
namespace {

/// What LDTILECFG reads: eight tiles of 16 rows of 64 bytes, unless changed.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

/// The tile intrinsics of GCC do not say what memory they read; stores must not be moved past them.
inline void finish_stores(const void* memory) {
  __asm__ volatile("" : : "r"(memory) : "memory");
}

/// Tile registers, configured while this lives: a thread keeps none between calls.
class TileState {
 public:
  explicit TileState(const TileConfig& config = {}) : config_(config) {
    finish_stores(&config_);
    _tile_loadconfig(&config_);
  }
  ~TileState() { _tile_release(); }
  TileState(const TileState&) = delete;
  TileState& operator=(const TileState&) = delete;

 private:
  TileConfig config_;
};

}  // namespace
}  // namespace openelm
