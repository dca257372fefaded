#pragma once

// Products of block formats for few tokens in tiles of bytes: 16 weight rows × 32 columns, as the file has
// them or as bytes, times 32 columns × 16 tokens of either plane of the activations (amx_planes_pack.h). A
// group's sums are joined, scaled and added in vector registers, a lane a token: nothing is rounded but
// activations, to 15 bits.
//
// Dequantized weights pay only where many tokens share them: to bf16 a row's group takes 7 to 11 cycles and
// each tile of tokens 2.4, here each tile of tokens takes 6.8 from L2 and 10 where two cores read from memory
// (Emerald Rapids; bench/README.md). They are spread over the tile unit, loads, stores and vector
// instructions, which therefore take turns; and over three groups: one is multiplied while the sums of the
// one before are stored, and those of the one before that are added.

#include "kernels/matmul/amx_planes_pack.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/zmm_bytes.h"
#include "kernels/matmul/zmm_tile.h"
#include "kernels/simd/tile_state.h"

namespace openelm {
namespace {

constexpr size_t kPlaneRows = 16;
constexpr size_t kRowDistance = kBlockGroups;  // of factors
constexpr size_t kPlaneSums = kPlaneRows * kPlaneTokens * sizeof(float);

/// Tiles 0 to 3 are sums, 4 and 5 weights, 6 and 7 planes of activations.
inline TileConfig plane_tiles() {
  TileConfig config;
  config.row_bytes[4] = config.row_bytes[5] = kGroupColumns;
  config.rows[6] = config.rows[7] = kGroupColumns / 4;
  return config;
}

/// The sums of a group with H, or with both of half as many tokens, and with L: in tiles 0 and 1, or 2 and 3.
/// (Intrinsics want numbers.)
template <bool odd>
struct SumTiles {
  static void begin(const void* weights, size_t stride) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_loadd(4, weights, stride);
  }
  static void multiply_high(const int8_t* x) {
    _tile_loadd(6, x, 64);
    _tile_dpbssd(0, 4, 6);
  }
  static void multiply_low(const int8_t* x) {
    _tile_loadd(7, x, 64);
    _tile_dpbssd(1, 4, 7);
  }
  static void store_high(void* sums) { _tile_stored(0, sums, 64); }
  static void store_low(void* sums) { _tile_stored(1, sums, 64); }
};

template <>
struct SumTiles<true> {
  static void begin(const void* weights, size_t stride) {
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(5, weights, stride);
  }
  static void multiply_high(const int8_t* x) {
    _tile_loadd(6, x, 64);
    _tile_dpbssd(2, 5, 6);
  }
  static void multiply_low(const int8_t* x) {
    _tile_loadd(7, x, 64);
    _tile_dpbssd(3, 5, 7);
  }
  static void store_high(void* sums) { _tile_stored(2, sums, 64); }
  static void store_low(void* sums) { _tile_stored(3, sums, 64); }
};

/// Scales and offsets of the groups of 16 rows' block.
struct BlockFactors {
  float scales[kPlaneRows][kBlockGroups];
  float offsets[kPlaneRows][kBlockGroups];
};

/// Working memory of one thread.
struct PlaneScratch {
  uint8_t sums[2][2][kPlaneSums];            // of two groups: of H, of L
  int8_t weights[kPlaneRows][kColumnBlock];  // of a block
  BlockFactors factors[2];                   // of two blocks
  float totals[kPlaneRows][kPlaneTokens];

  static size_t bytes(size_t /*tokens*/, size_t /*cols*/) { return sizeof(PlaneScratch); }
};

/// A format of zmm_bytes.h here. kDirect: whether a group's bytes are signed and in order in the
/// file.
template <class Bytes, class Block, size_t columns = kGroupColumns>
struct PlaneFormat : Bytes {
  static constexpr size_t kGroupBytes = sizeof(Block) * kGroupColumns / columns;
  static constexpr bool kDirect = false;
};

struct PlanesQ8_0 : PlaneFormat<BytesQ8_0, BlockQ8_0> {
  static constexpr bool kDirect = true;
  static const uint8_t* at_group(const uint8_t* row, size_t g) { return row + g * sizeof(BlockQ8_0) + 2; }
};

/// Up to 16 rows of a matrix.
struct RowTile {
  const uint8_t* rows = nullptr;
  size_t stride = 0, count = 0;
};

/// Asks for the next tile's rows, line by line from first to last, while one is multiplied. In the order of
/// use, 16 lines far apart, two cores would read half as much.
class TileAhead {
 public:
  explicit TileAhead(const RowTile& tile) : next_(tile.rows), end_(tile.rows + tile.count * tile.stride) {}
  void lines(size_t count) {
    for (; count > 0 && next_ < end_; --count, next_ += 64) prefetch_line(next_);
  }

 private:
  const uint8_t *next_, *end_;
};

/// What the sums of a group are multiplied with.
struct GroupFactors {
  const float* scales;      // of 16 rows, kRowDistance apart
  const float* offsets;     // likewise
  const float* token_sums;  // of the activations
  const float* units;       // of the next block, where this group ends one; else null
};

/// Factors of a block of the tile; unless tiles are loaded from the file's blocks, its weights as bytes too.
/// Rows beyond the tile's are zero.
template <class Format, bool direct>
void open_block(const RowTile& tile, size_t block, size_t groups, BlockFactors& factors,
                PlaneScratch& scratch) {
  const __m256i constant = _mm256_set1_epi8(static_cast<char>(Format::kConstant));
  for (size_t r = 0; r < kPlaneRows; ++r) {
    __m256i* bytes = reinterpret_cast<__m256i*>(scratch.weights[r]);
    if (r >= tile.count) {
      _mm256_storeu_ps(factors.scales[r], _mm256_setzero_ps());
      _mm256_storeu_ps(factors.offsets[r], _mm256_setzero_ps());
      for (size_t g = 0; g < groups; ++g) _mm256_storeu_si256(bytes + g, _mm256_setzero_si256());
      continue;
    }
    Format format;
    format.open(tile.rows + r * tile.stride, block, groups);
    _mm256_storeu_ps(factors.scales[r], format.scale);
    if constexpr (Format::kOffset) _mm256_storeu_ps(factors.offsets[r], format.offset);
    if constexpr (!direct)
      for (size_t g = 0; g < groups; ++g)
        _mm256_storeu_si256(bytes + g, _mm256_sub_epi8(format.group(g), constant));
  }
  finish_stores(scratch.weights);
}

/// A tile of rows times the tokens, while the sums of groups follow two steps behind.
template <class Format, bool direct, bool half>
class TileProduct {
 public:
  TileProduct(const RowTile& tile, const PlaneTile<half>& a, TileAhead ahead, PlaneScratch& scratch)
      : tile_(tile), a_(a), ahead_(ahead), scratch_(scratch) {}

  /// To scratch.totals, [row][token].
  void run() {
    __m512 total[kPlaneRows];
#pragma GCC unroll 16
    for (size_t r = 0; r < kPlaneRows; ++r) total[r] = _mm512_setzero_ps();
    for (size_t block = 0; block < a_.blocks(); ++block) {
      const size_t groups = a_.width(block);
      BlockFactors& factors = scratch_.factors[block % 2];
      open_block<Format, direct>(tile_, block, groups, factors, scratch_);
      for (size_t i = 0; i < groups; i += 2) {
        step<false, true>(block, i, factors, total);
        if (i + 1 < groups) step<true, true>(block, i + 1, factors, total);
      }
    }
    if (a_.group_count % 2)
      drain<true>(total);
    else
      drain<false>(total);
#pragma GCC unroll 16
    for (size_t r = 0; r < kPlaneRows; ++r) {
      if constexpr (half)
        _mm256_storeu_ps(scratch_.totals[r],
                         _mm256_fmadd_ps(lower_half(total[r]), _mm256_set1_ps(128.0f), upper_half(total[r])));
      else
        _mm512_storeu_ps(scratch_.totals[r], total[r]);
    }
  }

 private:
  static constexpr size_t kLines = (kPlaneRows * Format::kGroupBytes + 63) / 64;  // of a group of 16 rows
  alignas(64) static constexpr float kNothing[kPlaneRows * kBlockGroups] = {};

  using Sums = uint8_t[2][kPlaneSums];

  /// Adds sums of the group before the last to some rows' totals.
  template <int first, int count>
  inline __attribute__((always_inline)) void add(const Sums& sums, __m512 (&total)[kPlaneRows]) const {
#pragma GCC unroll 16
    for (int r = first; r < first + count; ++r) {
      __m512i sum = _mm512_load_si512(sums[0] + 64 * r);
      if constexpr (!half)
        sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 7), _mm512_load_si512(sums[1] + 64 * r));
      total[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(before_.scales[r * kRowDistance]),
                                 total[r]);
      if constexpr (Format::kOffset)
        total[r] = _mm512_fmadd_ps(_mm512_loadu_ps(before_.token_sums),
                                   _mm512_set1_ps(before_.offsets[r * kRowDistance]), total[r]);
    }
  }
  inline __attribute__((always_inline)) void change_units(__m512 (&total)[kPlaneRows]) const {
    if (!before_.units) return;
    const __m512 units = _mm512_loadu_ps(before_.units);
#pragma GCC unroll 16
    for (size_t r = 0; r < kPlaneRows; ++r) total[r] = _mm512_mul_ps(total[r], units);
  }

  /// Multiplies group i of a block into a pair of tiles, stores the pair of the group before, and adds what
  /// was stored of the one before that. Inlined: the totals are to stay in registers.
  template <bool odd, bool product>
  inline __attribute__((always_inline)) void step(size_t block, size_t i, const BlockFactors& factors,
                                                  __m512 (&total)[kPlaneRows]) {
    const size_t group = block * kBlockGroups + i;
    const Sums& sums = scratch_.sums[odd];
    Sums& sums_before = scratch_.sums[!odd];
    if constexpr (product) {
      ahead_.lines(kLines);
      if constexpr (direct)
        SumTiles<odd>::begin(Format::at_group(tile_.rows, group), tile_.stride);
      else
        SumTiles<odd>::begin(scratch_.weights[0] + i * kGroupColumns, kColumnBlock);
    }
    add<0, 4>(sums, total);
    if constexpr (product) SumTiles<odd>::multiply_high(a_.group(group));
    add<4, 4>(sums, total);
    if constexpr (product && !half) SumTiles<odd>::multiply_low(a_.group(group) + kPlaneBytes);
    add<8, 4>(sums, total);
    SumTiles<!odd>::store_high(sums_before[0]);
    add<12, 4>(sums, total);
    if constexpr (!half) SumTiles<!odd>::store_low(sums_before[1]);
    change_units(total);
    before_ = current_;
    if constexpr (product)
      current_ = {factors.scales[0] + i, factors.offsets[0] + i, a_.sum(group),
                  i + 1 == a_.width(block) ? a_.unit(block) : nullptr};
  }

  /// What is left of the last two groups; the next would be an odd one, or not.
  template <bool odd>
  inline __attribute__((always_inline)) void drain(__m512 (&total)[kPlaneRows]) {
    step<odd, false>(0, 0, scratch_.factors[0], total);
    add<0, 16>(scratch_.sums[!odd], total);
    change_units(total);
  }

  const RowTile& tile_;
  const PlaneTile<half>& a_;
  TileAhead ahead_;
  PlaneScratch& scratch_;
  GroupFactors before_{kNothing, kNothing, kNothing, nullptr}, current_ = before_;
};

/// The first tile of some rows of a matrix.
inline RowTile row_tile(const NextRows& rows) {
  if (!rows.w || rows.begin >= rows.end) return {};
  return {rows.w->row(rows.begin), row_bytes(rows.w->type, rows.w->cols),
          min_of(kPlaneRows, rows.end - rows.begin)};
}

template <class Format, bool half>
void run_planes(const MatmulArgs& args) {
  const PlaneTile<half> a(args.packed, args.w->cols);
  PlaneScratch& scratch = *static_cast<PlaneScratch*>(args.scratch);
  const TileState state(plane_tiles());
  for (size_t row = args.row_begin; row < args.row_end; row += kPlaneRows) {
    const RowTile tile = row_tile({args.w, row, args.row_end});
    const size_t after = row + kPlaneRows;
    const TileAhead ahead(row_tile(after < args.row_end ? NextRows{args.w, after, args.row_end} : args.next));
    if (Format::kDirect && tile.count == kPlaneRows)
      TileProduct<Format, Format::kDirect, half>(tile, a, ahead, scratch).run();
    else
      TileProduct<Format, false, half>(tile, a, ahead, scratch).run();
    store_tile(scratch.totals[0], tile.count, args.tokens, args.accumulate, args.y + row, args.ldy);
  }
}

}  // namespace
}  // namespace openelm
