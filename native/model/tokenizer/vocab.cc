#include "model/tokenizer/vocab.h"

#include <utility>

namespace openelm {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

int byte_value(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const int high = hex_digit(piece[3]);
  const int low = hex_digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::vector<int32_t> byte_pieces(const Vocab& vocab) {
  std::vector<int32_t> ids(256, -1);
  int found = 0;
  for (int32_t id = 0; id < vocab.size(); ++id) {
    if (vocab.types[id] != PieceType::kByte) continue;
    int32_t& slot = ids[byte_value(vocab.pieces[id])];
    if (slot >= 0) continue;
    slot = id;
    ++found;
  }
  if (found < 256) ids.clear();
  return ids;
}

Status check_vocab(const Vocab& vocab) {
  const auto invalid = [](std::string why) { return Status(Code::invalid, std::move(why)); };
  const size_t n = vocab.pieces.size();
  if (n == 0) return invalid("The vocabulary is empty");
  if (n > kMaxPieces) return invalid("The vocabulary has " + std::to_string(n) + " pieces, too many");
  if (vocab.scores.size() != n || vocab.types.size() != n) {
    return invalid("Pieces, scores and types differ in length: " + std::to_string(n) + ", " +
                   std::to_string(vocab.scores.size()) + ", " + std::to_string(vocab.types.size()));
  }
  for (const int32_t id : {vocab.bos, vocab.eos, vocab.unk}) {
    if (id >= -1 && id < vocab.size()) continue;
    return invalid("The special token id " + std::to_string(id) + " is outside the vocabulary");
  }
  for (int32_t id = 0; id < vocab.size(); ++id) {
    const auto type = static_cast<unsigned>(vocab.types[id]);
    const std::string name = "Piece " + std::to_string(id);
    if (type < 1 || type > 6) return invalid(name + " has the unknown type " + std::to_string(type));
    if (vocab.pieces[id].size() > kMaxPieceBytes) {
      return invalid(name + " is longer than " + std::to_string(kMaxPieceBytes) + " bytes");
    }
    if (vocab.types[id] == PieceType::kByte && byte_value(vocab.pieces[id]) < 0) {
      return invalid(name + " is of type byte but not of the form <0x00>");
    }
  }
  return {};
}

}  // namespace openelm
