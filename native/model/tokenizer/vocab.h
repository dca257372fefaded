#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/status.h"

namespace openelm {

/// SentencePiece's types; GGUF's `tokenizer.ggml.token_type` uses the same numbers.
enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// A SentencePiece BPE vocabulary: parallel arrays indexed by token id.
struct Vocab {
  std::vector<std::string> pieces;  // as in the model file: UTF-8, spaces as U+2581
  std::vector<float> scores;
  std::vector<PieceType> types;
  int32_t bos = -1;  // -1: there is none
  int32_t eos = -1;
  int32_t unk = -1;
  bool add_space_prefix = true;

  int32_t size() const { return static_cast<int32_t>(pieces.size()); }
  bool contains(int32_t id) const { return id >= 0 && id < size(); }

  /// Pieces that characters of a text can be merged to.
  bool mergeable(int32_t id) const {
    const PieceType type = types[id];
    return type == PieceType::kNormal || type == PieceType::kUserDefined || type == PieceType::kUnused;
  }
};

/// Longest piece accepted, in bytes. Bounds the work that a hostile vocabulary can ask for.
inline constexpr size_t kMaxPieceBytes = 1024;
inline constexpr size_t kMaxPieces = 1 << 22;

/// Code::invalid, naming the first piece or id that makes no sense.
Status check_vocab(const Vocab& vocab);

/// Value of a byte piece (`<0x0A>`), or -1.
int byte_value(std::string_view piece);

/// Id of the piece for each byte. Empty unless all 256 are there: SentencePiece falls back to bytes only
/// then.
std::vector<int32_t> byte_pieces(const Vocab& vocab);

}  // namespace openelm
