#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/tokenizer/merge_table.h"
#include "model/tokenizer/symbol_trie.h"
#include "model/tokenizer/vocab.h"

namespace openelm {

/// SentencePiece's BPE: of all adjacent symbols whose concatenation is a piece, the two with the best score
/// are merged, leftmost first among equals, until none are left (`bpe_model.cc` of google/sentencepiece).
///
/// Pieces of type unused take part in merging and are then taken apart again. A character that is no piece
/// becomes its bytes, or unk once for a whole run where the vocabulary lacks byte pieces.
class BpeEncoder {
 public:
  explicit BpeEncoder(const Vocab& vocab);

  /// Appends the ids of a text without controls: valid UTF-8, spaces as U+2581, below 2^32 bytes.
  /// Time n log n in the longest stretch without a space, linear in everything else.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  struct Workspace;

  void encode_run(std::string_view run, Workspace& work, std::vector<int32_t>& ids) const;
  void encode_word(std::string_view word, Workspace& work, std::vector<int32_t>& ids) const;
  void merge_all(std::string_view word, Workspace& work) const;
  void emit(uint32_t symbol, std::string_view text, const Workspace& work, std::vector<int32_t>& ids) const;

  const Vocab& vocab_;
  MergeTable merges_;
  SymbolTrie user_defined_;
  std::vector<int32_t> byte_ids_;
};

}  // namespace openelm
