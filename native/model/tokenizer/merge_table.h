#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/key_table.h"
#include "model/tokenizer/vocab.h"

namespace openelm {

/// Which adjacent symbols merge, and in which order.
///
/// SentencePiece merges two neighbours when their concatenation is a piece. That question is about strings;
/// here it is answered beforehand for every way of splitting every piece, so that the encoder compares only
/// numbers. A symbol is a piece id, or a number from vocab.size() on for a character that occurs in pieces
/// without being one.
class MergeTable {
 public:
  static constexpr uint32_t kNone = KeyTable::kNone;

  explicit MergeTable(const Vocab& vocab);

  /// Symbol of a character, or kNone when no piece contains it (then nothing merges with it).
  uint32_t symbol(uint32_t code) const { return code < ascii_.size() ? ascii_[code] : chars_.find(code); }
  /// The piece that two symbols merge to, or kNone.
  uint32_t merge(uint32_t left, uint32_t right) const {
    return pairs_.find(static_cast<uint64_t>(left) << 32 | right);
  }
  /// Place of a piece's score among all scores, best first; equal scores share it.
  uint32_t rank(uint32_t piece) const { return ranks_[piece]; }
  /// Text of a symbol that is a character but not a piece.
  const std::string& char_text(uint32_t symbol) const { return char_texts_[symbol - ranks_.size()]; }
  /// Whether no piece has this character right before a U+2581, so that no merge can span that border.
  bool cuts_before_space(uint32_t code) const { return before_space_.find(code) == kNone; }

 private:
  class Index;

  void add_characters(const Vocab& vocab, const Index& index);
  void add_splits(const Index& index, uint32_t id, std::string_view piece);
  void rank_scores(const Vocab& vocab);

  std::array<uint32_t, 128> ascii_;
  KeyTable chars_;         // code point -> symbol
  KeyTable pairs_;         // left << 32 | right -> piece
  KeyTable before_space_;  // code points that occur before U+2581 inside a piece
  std::vector<uint32_t> ranks_;
  std::vector<std::string> char_texts_;
};

}  // namespace openelm
