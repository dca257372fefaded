#include "model/grammar/utf8_ranges.h"

#include <algorithm>

namespace openelm {
namespace {

constexpr uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;
constexpr uint32_t kLastOfLength[4] = {0x7F, 0x7FF, 0xFFFF, kMaxCodePoint};

uint32_t encode(uint32_t code, std::array<uint8_t, 4>& bytes) {
  uint32_t length = 1;
  while (code > kLastOfLength[length - 1]) ++length;
  if (length == 1) {
    bytes[0] = static_cast<uint8_t>(code);
    return length;
  }
  for (uint32_t i = length; i-- > 1; code >>= 6) bytes[i] = static_cast<uint8_t>(0x80 | (code & 0x3F));
  bytes[0] = static_cast<uint8_t>((0xF00 >> length & 0xFF) | code);
  return length;
}

/// Splits until both ends have one length and every byte but the first that differs runs from 80 to BF.
void split(uint32_t low, uint32_t high, std::vector<ByteSequence>& out) {
  for (const uint32_t last : kLastOfLength) {
    if (low > last || high <= last) continue;
    split(low, last, out);
    split(last + 1, high, out);
    return;
  }
  for (uint32_t bits = 6; high > kLastOfLength[0] && bits < 24; bits += 6) {
    const uint32_t mask = (1u << bits) - 1;
    if ((low & ~mask) == (high & ~mask)) break;
    uint32_t middle = 0;
    if ((low & mask) != 0)
      middle = low | mask;
    else if ((high & mask) != mask)
      middle = (high & ~mask) - 1;
    else
      continue;
    split(low, middle, out);
    split(middle + 1, high, out);
    return;
  }
  ByteSequence sequence{};
  sequence.length = encode(low, sequence.low);
  encode(high, sequence.high);
  out.push_back(sequence);
}

}  // namespace

std::vector<CodeRange> normalize(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
  std::vector<CodeRange> joined;
  for (const CodeRange& range : ranges) {
    if (!joined.empty() && range.low <= joined.back().high + 1)
      joined.back().high = std::max(joined.back().high, range.high);
    else
      joined.push_back(range);
  }
  std::vector<CodeRange> out;
  for (const CodeRange& range : joined) {
    if (range.high < kFirstSurrogate || range.low > kLastSurrogate) {
      out.push_back(range);
      continue;
    }
    if (range.low < kFirstSurrogate) out.push_back({range.low, kFirstSurrogate - 1});
    if (range.high > kLastSurrogate) out.push_back({kLastSurrogate + 1, range.high});
  }
  return out;
}

std::vector<CodeRange> complement(const std::vector<CodeRange>& ranges) {
  std::vector<CodeRange> out;
  uint32_t next = 0;
  for (const CodeRange& range : ranges) {
    if (range.low > next) out.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kMaxCodePoint) out.push_back({next, kMaxCodePoint});
  return normalize(std::move(out));
}

std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges) {
  std::vector<ByteSequence> out;
  for (const CodeRange& range : ranges) split(range.low, range.high, out);
  return out;
}

}  // namespace openelm
