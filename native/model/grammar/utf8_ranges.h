#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace openelm {

inline constexpr uint32_t kMaxCodePoint = 0x10FFFF;

/// Code points, both ends included.
struct CodeRange {
  uint32_t low, high;
};

/// Byte strings of one length whose i-th byte is in [low[i], high[i]].
struct ByteSequence {
  uint32_t length;
  std::array<uint8_t, 4> low, high;
};

/// Sorts and joins ranges; surrogates, which UTF-8 cannot say, are left out.
std::vector<CodeRange> normalize(std::vector<CodeRange> ranges);

/// Every code point that is in none of the ranges, which are normalized.
std::vector<CodeRange> complement(const std::vector<CodeRange>& ranges);

/// The UTF-8 of normalized ranges, as few sequences (the splitting is that of Ken Thompson's grep and of
/// RE2).
std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges);

}  // namespace openelm
