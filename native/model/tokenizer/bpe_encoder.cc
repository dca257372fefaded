#include "model/tokenizer/bpe_encoder.h"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "model/tokenizer/utf8.h"

namespace openelm {

namespace {

constexpr uint32_t kNone = MergeTable::kNone;
constexpr size_t kCachedBytes = 64;  // longer words hardly repeat

/// One link of the list of symbols that a word has been merged to so far.
struct Symbol {
  uint32_t id;
  uint32_t begin;  // byte offset in the word
  uint32_t prev;
  uint32_t next;
  uint32_t pair;  // the piece it would make with the next symbol, or kNone
};

/// A range of ids already appended.
struct Range {
  size_t begin;
  size_t count;
};

}  // namespace

/// Buffers of one call, and what it has learnt: words repeat, so their ids are copied from where they first
/// came.
struct BpeEncoder::Workspace {
  std::vector<Symbol> symbols;
  /// Min-heap of rank << 32 | position: the best score first, then the leftmost. Entries are never removed
  /// when their pair is gone; they are recognised when they come up.
  std::vector<uint64_t> agenda;
  /// The last way in which each unused piece was offered, to take it apart (as SentencePiece does).
  std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> unused;
  std::unordered_map<std::string_view, Range> words;
};

BpeEncoder::BpeEncoder(const Vocab& vocab) : vocab_(vocab), merges_(vocab), byte_ids_(byte_pieces(vocab)) {
  for (int32_t id = 0; id < vocab.size(); ++id) {
    if (vocab.types[id] != PieceType::kUserDefined || vocab.pieces[id].empty()) continue;
    user_defined_.insert(escape_spaces(vocab.pieces[id]), id);
  }
}

void BpeEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  Workspace work;
  const size_t first = ids.size();
  size_t begin = 0;
  if (!user_defined_.empty()) {
    for (size_t i = 0; i < text.size();) {
      const SymbolTrie::Match match = user_defined_.longest(text.substr(i));
      if (match.id < 0) {
        i += decode_utf8(text.substr(i)).length;
        continue;
      }
      encode_run(text.substr(begin, i - begin), work, ids);
      ids.push_back(match.id);
      i += match.length;
      begin = i;
    }
  }
  encode_run(text.substr(begin), work, ids);
  if (byte_ids_.empty()) {
    const auto both_unknown = [&](int32_t a, int32_t b) { return a == vocab_.unk && b == vocab_.unk; };
    ids.erase(std::unique(ids.begin() + static_cast<ptrdiff_t>(first), ids.end(), both_unknown), ids.end());
  }
}

/// Cuts at the spaces that no piece spans: merges on both sides of them are independent.
void BpeEncoder::encode_run(std::string_view run, Workspace& work, std::vector<int32_t>& ids) const {
  size_t begin = 0;
  for (size_t space = run.find(kSpaceMark, 1); space != run.npos; space = run.find(kSpaceMark, space + 1)) {
    size_t last = space - 1;
    while (last > begin && (run[last] & 0xC0) == 0x80) --last;
    const uint32_t code = decode_utf8(run.substr(last)).code;
    if (code == kSpaceMarkCode || !merges_.cuts_before_space(code)) continue;
    encode_word(run.substr(begin, space - begin), work, ids);
    begin = space;
  }
  encode_word(run.substr(begin), work, ids);
}

void BpeEncoder::encode_word(std::string_view word, Workspace& work, std::vector<int32_t>& ids) const {
  if (word.empty()) return;
  const size_t first = ids.size();
  if (word.size() <= kCachedBytes) {
    const auto [known, fresh] = work.words.try_emplace(word, Range{first, 0});
    if (!fresh) {
      const Range range = known->second;
      ids.resize(first + range.count);
      std::copy_n(ids.begin() + static_cast<ptrdiff_t>(range.begin), range.count,
                  ids.begin() + static_cast<ptrdiff_t>(first));
      return;
    }
  }
  merge_all(word, work);
  for (uint32_t i = 0; i != kNone; i = work.symbols[i].next) {
    const Symbol& symbol = work.symbols[i];
    emit(symbol.id, word.substr(symbol.begin), work, ids);
  }
  if (word.size() <= kCachedBytes) work.words[word].count = ids.size() - first;
}

void BpeEncoder::merge_all(std::string_view word, Workspace& work) const {
  auto& [symbols, agenda, unused, words] = work;
  symbols.clear();
  agenda.clear();
  unused.clear();
  for (size_t i = 0; i < word.size();) {
    const Utf8Char c = decode_utf8(word.substr(i));
    const auto index = static_cast<uint32_t>(symbols.size());
    symbols.push_back({merges_.symbol(c.code), static_cast<uint32_t>(i), index - 1, index + 1, kNone});
    i += c.length;
  }
  symbols.front().prev = kNone;
  symbols.back().next = kNone;

  // Looks up the pair that begins at a symbol and enters it in the agenda.
  const auto offer = [&](uint32_t i) {
    Symbol& left = symbols[i];
    left.pair = kNone;
    if (left.next == kNone) return;
    const uint32_t right = symbols[left.next].id;
    if (left.id == kNone || right == kNone) return;
    left.pair = merges_.merge(left.id, right);
    if (left.pair == kNone) return;
    agenda.push_back(static_cast<uint64_t>(merges_.rank(left.pair)) << 32 | i);
    if (vocab_.types[left.pair] == PieceType::kUnused) unused[left.pair] = {left.id, right};
  };
  for (uint32_t i = 0; i + 1 < symbols.size(); ++i) offer(i);
  std::make_heap(agenda.begin(), agenda.end(), std::greater<>());

  const auto offer_later = [&](uint32_t i) {
    const size_t before = agenda.size();
    offer(i);
    if (agenda.size() > before) std::push_heap(agenda.begin(), agenda.end(), std::greater<>());
  };
  while (!agenda.empty()) {
    std::pop_heap(agenda.begin(), agenda.end(), std::greater<>());
    const uint64_t top = agenda.back();
    agenda.pop_back();
    Symbol& left = symbols[static_cast<uint32_t>(top)];
    if (left.pair == kNone || merges_.rank(left.pair) != top >> 32) continue;  // that pair has since changed
    Symbol& right = symbols[left.next];
    left.id = left.pair;
    left.next = right.next;
    right.pair = kNone;
    if (left.next != kNone) symbols[left.next].prev = static_cast<uint32_t>(top);
    if (left.prev != kNone) offer_later(left.prev);
    offer_later(static_cast<uint32_t>(top));
  }
}

/// Appends the ids of one symbol; `text` begins with it.
void BpeEncoder::emit(uint32_t symbol, std::string_view text, const Workspace& work,
                      std::vector<int32_t>& ids) const {
  if (symbol < vocab_.pieces.size()) {
    const auto parts = work.unused.find(symbol);
    if (vocab_.types[symbol] != PieceType::kUnused || parts == work.unused.end()) {
      ids.push_back(static_cast<int32_t>(symbol));
      return;
    }
    const auto [left, right] = parts->second;  // depth: at most the characters of a piece
    const bool left_is_piece = left < vocab_.pieces.size();
    const size_t length = left_is_piece ? vocab_.pieces[left].size() : merges_.char_text(left).size();
    emit(left, text, work, ids);
    emit(right, text.substr(length), work, ids);
    return;
  }
  const std::string_view character = text.substr(0, decode_utf8(text).length);
  if (byte_ids_.empty()) {
    if (vocab_.unk >= 0) ids.push_back(vocab_.unk);
    return;
  }
  for (const char byte : character) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
}

}  // namespace openelm
