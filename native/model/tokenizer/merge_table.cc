#include "model/tokenizer/merge_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/tokenizer/utf8.h"

namespace openelm {

namespace {

constexpr uint64_t kBase = 0x9E3779B97F4A7C15ull | 1;

/// Hashes of all substrings of one string in constant time each: a polynomial in kBase, modulo 2^64.
class RollingHash {
 public:
  RollingHash() : prefix_(kMaxPieceBytes + 1), power_(kMaxPieceBytes + 1) {
    power_[0] = 1;
    for (size_t i = 0; i < kMaxPieceBytes; ++i) power_[i + 1] = power_[i] * kBase;
  }

  void assign(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      prefix_[i + 1] = prefix_[i] * kBase + static_cast<unsigned char>(text[i]) + 1;
    }
  }

  uint64_t operator()(size_t begin, size_t end) const {
    return prefix_[end] - prefix_[begin] * power_[end - begin];
  }

 private:
  std::vector<uint64_t> prefix_;
  std::vector<uint64_t> power_;
};

uint64_t usable(uint64_t key) {
  return key == ~0ull ? 0 : key;
}

}  // namespace

/// Ids of the mergeable pieces by text; of pieces with equal text the first counts.
class MergeTable::Index {
 public:
  explicit Index(const Vocab& vocab) : vocab_(vocab) {
    for (int32_t id = 0; id < vocab.size(); ++id) {
      const std::string& piece = vocab.pieces[id];
      if (!vocab.mergeable(id) || piece.empty()) continue;
      hash.assign(piece);
      uint64_t key = usable(hash(0, piece.size()));
      uint32_t holder = table_.insert(key, id);
      while (holder != static_cast<uint32_t>(id) && vocab.pieces[holder] != piece) {
        key = usable(key + 1);
        holder = table_.insert(key, id);
      }
    }
  }

  /// Id of the piece with this text, whose hash is given.
  uint32_t find(std::string_view text, uint64_t text_hash) const {
    for (uint64_t key = usable(text_hash);; key = usable(key + 1)) {
      const uint32_t id = table_.find(key);
      if (id == kNone || vocab_.pieces[id] == text) return id;
    }
  }

  mutable RollingHash hash;

 private:
  const Vocab& vocab_;
  KeyTable table_;
};

MergeTable::MergeTable(const Vocab& vocab) {
  const Index index(vocab);
  add_characters(vocab, index);
  for (int32_t id = 0; id < vocab.size(); ++id) {
    const std::string& piece = vocab.pieces[id];
    if (!vocab.mergeable(id) || piece.empty()) continue;
    index.hash.assign(piece);
    if (index.find(piece, index.hash(0, piece.size())) != static_cast<uint32_t>(id)) continue;
    add_splits(index, id, piece);
  }
  rank_scores(vocab);
  for (uint32_t code = 0; code < ascii_.size(); ++code) ascii_[code] = chars_.find(code);
}

void MergeTable::add_characters(const Vocab& vocab, const Index& index) {
  for (int32_t id = 0; id < vocab.size(); ++id) {
    if (!vocab.mergeable(id)) continue;
    std::string_view rest = vocab.pieces[id];
    uint32_t previous = kSpaceMarkCode;
    while (!rest.empty()) {
      const Utf8Char c = decode_utf8(rest);
      const std::string_view text = rest.substr(0, c.length);
      if (c.code == kInvalidChar)
        break;  // no text matches from here on; valid splits are entered all the same
      index.hash.assign(text);
      const uint32_t piece = index.find(text, index.hash(0, text.size()));
      const auto fresh = static_cast<uint32_t>(vocab.pieces.size() + char_texts_.size());
      if (chars_.insert(c.code, piece == kNone ? fresh : piece) == fresh) char_texts_.emplace_back(text);
      if (c.code == kSpaceMarkCode && previous != kSpaceMarkCode) before_space_.insert(previous, 1);
      previous = c.code;
      rest.remove_prefix(c.length);
    }
  }
}

void MergeTable::add_splits(const Index& index, uint32_t id, std::string_view piece) {
  const auto part = [&](size_t begin, size_t end) {
    const std::string_view text = piece.substr(begin, end - begin);
    const Utf8Char c = decode_utf8(text);
    return c.length == text.size() && c.code != kInvalidChar ? chars_.find(c.code)
                                                             : index.find(text, index.hash(begin, end));
  };
  for (size_t border = decode_utf8(piece).length; border < piece.size();
       border += decode_utf8(piece.substr(border)).length) {
    const uint32_t left = part(0, border);
    if (left == kNone) continue;
    const uint32_t right = part(border, piece.size());
    if (right != kNone) pairs_.insert(static_cast<uint64_t>(left) << 32 | right, id);
  }
}

void MergeTable::rank_scores(const Vocab& vocab) {
  const auto score = [&](size_t id) {  // NaN would break the order
    return std::isnan(vocab.scores[id]) ? -std::numeric_limits<float>::infinity() : vocab.scores[id];
  };
  std::vector<float> best_first(vocab.scores.size());
  for (size_t id = 0; id < best_first.size(); ++id) best_first[id] = score(id);
  std::sort(best_first.begin(), best_first.end(), std::greater<>());
  best_first.erase(std::unique(best_first.begin(), best_first.end()), best_first.end());
  ranks_.resize(vocab.scores.size());
  for (size_t id = 0; id < ranks_.size(); ++id) {
    const auto place = std::lower_bound(best_first.begin(), best_first.end(), score(id), std::greater<>());
    ranks_[id] = static_cast<uint32_t>(place - best_first.begin());
  }
}

}  // namespace openelm
