#pragma once

// AMX tiles, TDPBF16PS and TDPBSSD. What would fault on the processor (#UD, #GP) ends
// the program with a message, so that tests find it.

#include "lanes.h"

namespace emulation {
namespace {

/// State of one thread, as LDTILECFG leaves it: palette 1 has 8 tiles of up to
/// 16 rows of 64 bytes.
struct Tiles {
  bool configured = false;
  int rows[8] = {}, colsb[8] = {};
  alignas(64) unsigned char data[8][16][64] = {};
};

inline thread_local Tiles tiles;

inline void tile_loadconfig(const void* memory) {
  unsigned char c[64];
  std::memcpy(c, memory, sizeof c);
  if (c[0] == 0) {
    tiles = Tiles{};
    return;
  }
  check(c[0] == 1, "palette is not 0 or 1");
  for (int i = 2; i < 16; ++i) check(c[i] == 0, "reserved byte of the configuration is not zero");
  tiles = Tiles{};
  tiles.configured = true;
  for (int i = 0; i < 16; ++i) {
    const int colsb = c[16 + 2 * i] | (c[17 + 2 * i] << 8), rows = c[48 + i];
    if (i >= 8) {
      check(colsb == 0 && rows == 0, "configuration of a tile that palette 1 lacks");
      continue;
    }
    check(colsb <= 64 && rows <= 16, "tile larger than the palette's");
    check((colsb == 0) == (rows == 0), "tile with rows but no columns, or the reverse");
    tiles.colsb[i] = colsb;
    tiles.rows[i] = rows;
  }
}

inline void tile_release() {
  tiles = Tiles{};
}

inline void require(int tile) {
  check(tiles.configured, "tiles are not configured");
  check(tile >= 0 && tile < 8 && tiles.rows[tile] > 0, "tile is not configured");
}

/// Rows beyond rows and bytes beyond colsb become zero.
inline void tile_loadd(int tile, const void* base, size_t stride) {
  require(tile);
  std::memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
  for (int r = 0; r < tiles.rows[tile]; ++r)
    std::memcpy(tiles.data[tile][r], static_cast<const char*>(base) + static_cast<size_t>(r) * stride,
                static_cast<size_t>(tiles.colsb[tile]));
}

inline void tile_stored(int tile, void* base, size_t stride) {
  require(tile);
  for (int r = 0; r < tiles.rows[tile]; ++r)
    std::memcpy(static_cast<char*>(base) + static_cast<size_t>(r) * stride, tiles.data[tile][r],
                static_cast<size_t>(tiles.colsb[tile]));
}

inline void tile_zero(int tile) {
  require(tile);
  std::memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
}

/// Subnormals as zeros of their sign, on input and output.
inline float flush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}

inline float bfloat_at(const unsigned char* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return flush(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
}

/// Operands of a product fit together.
inline void require_product(int dst, int a, int b) {
  require(dst), require(a), require(b);
  check(dst != a && dst != b && a != b, "operands are not three different tiles");
  check(tiles.rows[dst] == tiles.rows[a], "rows of the destination and of the first source differ");
  check(tiles.colsb[dst] == tiles.colsb[b], "columns of the destination and of the second source differ");
  check(tiles.colsb[a] / 4 == tiles.rows[b], "inner dimensions differ");
  check(tiles.colsb[dst] % 4 == 0 && tiles.colsb[a] % 4 == 0, "columns are not whole elements");
}

/// Signed bytes by signed bytes, added without saturation.
inline void tile_dpbssd(int dst, int a, int b) {
  require_product(dst, a, b);
  for (int m = 0; m < tiles.rows[dst]; ++m) {
    for (int n = 0; n < tiles.colsb[dst] / 4; ++n) {
      uint32_t sum;
      std::memcpy(&sum, tiles.data[dst][m] + 4 * n, sizeof sum);
      for (int k = 0; k < tiles.colsb[a]; ++k) {
        const int x = static_cast<int8_t>(tiles.data[a][m][k]);
        const int y = static_cast<int8_t>(tiles.data[b][k / 4][4 * n + k % 4]);
        sum += static_cast<uint32_t>(x * y);
      }
      std::memcpy(tiles.data[dst][m] + 4 * n, &sum, sizeof sum);
    }
  }
}

/// Even and odd elements of the pairs are summed over k in two chains of fused
/// multiply-adds from zero; their sum is then added to the destination (SDM,
/// TDPBF16PS, "Operation").
inline void tile_dpbf16ps(int dst, int a, int b) {
  require_product(dst, a, b);
  for (int m = 0; m < tiles.rows[dst]; ++m) {
    for (int n = 0; n < tiles.colsb[dst] / 4; ++n) {
      float even = 0, odd = 0;
      for (int k = 0; k < tiles.colsb[a] / 4; ++k) {
        const unsigned char *x = tiles.data[a][m] + 4 * k, *y = tiles.data[b][k] + 4 * n;
        even = flush(std::fma(bfloat_at(x), bfloat_at(y), even));
        odd = flush(std::fma(bfloat_at(x + 2), bfloat_at(y + 2), odd));
      }
      float sum;
      std::memcpy(&sum, tiles.data[dst][m] + 4 * n, sizeof sum);
      sum = flush(flush(sum) + flush(even + odd));
      std::memcpy(tiles.data[dst][m] + 4 * n, &sum, sizeof sum);
    }
  }
}

}  // namespace
}  // namespace emulation
