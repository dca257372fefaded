#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/bpe_encoder.h"
#include "model/tokenizer/symbol_trie.h"
#include "model/tokenizer/vocab.h"
#include "runtime/status.h"

namespace openelm {

/// A SentencePiece BPE tokenizer. Immutable: every method may be called from several threads at once.
class Tokenizer {
 public:
  /// Longest text that encode takes, in bytes: its working memory is some thirty times that.
  static constexpr size_t kMaxTextBytes = size_t{64} << 20;

  /// Fails with Code::invalid when check_vocab() objects.
  static Result<std::shared_ptr<const Tokenizer>> create(Vocab vocab);

  /// The same at once: only the check is done before it returns, the tables are built on a thread of their
  /// own.
  static Result<std::shared_future<std::shared_ptr<const Tokenizer>>> build(Vocab vocab);

  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  int32_t size() const { return vocab_.size(); }
  const Vocab& vocab() const { return vocab_; }

  /// Ids of UTF-8 text of at most kMaxTextBytes; adds neither BOS nor EOS. Invalid bytes count as U+FFFD
  /// each. `special`: pieces of type control or unknown are recognised in the text, longest first; where not,
  /// they are text like any other, which is how untrusted text must be encoded. User-defined pieces always
  /// are. `prefix`: a dummy space comes before the text where the vocabulary asks for it; one comes after a
  /// control token inside the text either way, as the text there begins anew (llama.cpp and Hugging Face's
  /// LlamaTokenizer agree).
  std::vector<int32_t> encode(std::string_view text, bool special, bool prefix) const;

  /// Bytes that a token stands for: one for byte pieces, none for control and unknown tokens unless `special`
  /// (then their piece), none for ids outside the vocabulary. Valid as long as the tokenizer.
  std::string_view piece_bytes(int32_t id, bool special = false) const;

  /// Whether a token shows only where special tokens are asked for: type control or unknown.
  bool is_special(int32_t id) const;

  /// Whether the token's piece begins with the space that a dummy prefix becomes.
  bool begins_with_space(int32_t id) const;

 private:
  explicit Tokenizer(Vocab vocab);

  const Vocab vocab_;
  const BpeEncoder encoder_;
  SymbolTrie specials_;
  std::vector<std::string> bytes_;  // per id; the piece itself for special tokens
};

}  // namespace openelm
