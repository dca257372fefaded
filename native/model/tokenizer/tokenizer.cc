#include "model/tokenizer/tokenizer.h"

#include <utility>

#include "model/tokenizer/utf8.h"

namespace openelm {

Result<std::shared_ptr<const Tokenizer>> Tokenizer::create(Vocab vocab) {
  if (Status status = check_vocab(vocab); !status.ok()) return status;
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(vocab)));
}

Result<std::shared_future<std::shared_ptr<const Tokenizer>>> Tokenizer::build(Vocab vocab) {
  if (Status status = check_vocab(vocab); !status.ok()) return status;
  return std::async(std::launch::async,
                    [vocab = std::move(vocab)]() mutable {
                      return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(vocab)));
                    })
      .share();
}

Tokenizer::Tokenizer(Vocab vocab) : vocab_(std::move(vocab)), encoder_(vocab_) {
  bytes_.reserve(vocab_.pieces.size());
  for (int32_t id = 0; id < vocab_.size(); ++id) {
    const std::string& piece = vocab_.pieces[id];
    if (is_special(id)) {
      bytes_.push_back(piece);
      if (!piece.empty()) specials_.insert(escape_spaces(piece), id);
    } else if (vocab_.types[id] == PieceType::kByte) {
      bytes_.emplace_back(1, static_cast<char>(byte_value(piece)));
    } else {
      bytes_.push_back(unescape_spaces(piece));
    }
  }
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool special, bool prefix) const {
  std::vector<int32_t> ids;
  const std::string escaped = escape_spaces(text);
  const std::string_view all = escaped;
  size_t begin = 0;
  const auto encode_part = [&](size_t end) {
    if (end == begin) return;
    const bool prefixed = vocab_.add_space_prefix && (prefix || begin > 0);
    const std::string_view part = all.substr(begin, end - begin);
    if (prefixed) {
      encoder_.encode(std::string(kSpaceMark).append(part), ids);
    } else {
      encoder_.encode(part, ids);
    }
  };
  if (special) {
    for (size_t i = 0; i < all.size();) {
      const SymbolTrie::Match match = specials_.longest(all.substr(i));
      if (match.id < 0) {
        ++i;
        continue;
      }
      encode_part(i);
      ids.push_back(match.id);
      i += match.length;
      begin = i;
    }
  }
  encode_part(all.size());
  return ids;
}

std::string_view Tokenizer::piece_bytes(int32_t id, bool special) const {
  if (!vocab_.contains(id) || (is_special(id) && !special)) return {};
  return bytes_[id];
}

bool Tokenizer::is_special(int32_t id) const {
  if (!vocab_.contains(id)) return false;
  return vocab_.types[id] == PieceType::kControl || vocab_.types[id] == PieceType::kUnknown;
}

bool Tokenizer::begins_with_space(int32_t id) const {
  return vocab_.contains(id) && !is_special(id) && vocab_.pieces[id].starts_with(kSpaceMark);
}

}  // namespace openelm
