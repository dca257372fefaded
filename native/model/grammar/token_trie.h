#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/grammar/automaton.h"
#include "model/tokenizer/tokenizer.h"

namespace openelm {

/// The byte strings of a vocabulary's tokens as a tree, in preorder: a node's subtree is the nodes up to its
/// `end`. Tokens without bytes (control tokens) are not in it. Immutable.
class TokenTrie {
 public:
  static constexpr int32_t kNoToken = -1;

  struct Node {
    uint32_t end;     // index after the last node below
    uint32_t parent;  // index; the root's is itself
    int32_t token;    // first of those whose bytes end here, or kNoToken
    uint16_t depth;   // bytes up to here
    uint8_t byte;     // last of them
  };

  explicit TokenTrie(const Tokenizer& tokenizer);

  /// Node 0 is the root, of no bytes.
  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  /// The next token with the same bytes, or kNoToken.
  int32_t next_same(int32_t token) const noexcept { return next_same_[static_cast<size_t>(token)]; }
  /// The child of a node by a byte, or 0.
  uint32_t child(uint32_t node, uint8_t byte) const noexcept;

  /// Bytes of a token; none for those that are not in the trie.
  std::string_view bytes(int32_t token) const noexcept;
  size_t tokens() const noexcept { return bytes_.size(); }
  /// The bytes that are tokens of their own.
  const ByteSet& single_bytes() const noexcept { return single_; }
  size_t longest() const noexcept { return longest_; }

  /// As few tokens as spell the bytes, all of which are single_bytes().
  std::vector<int32_t> spell(std::string_view bytes) const;

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> next_same_;
  std::vector<std::string> bytes_;     // per token
  std::array<uint32_t, 256> first_{};  // children of the root
  ByteSet single_{};
  size_t longest_ = 0;
};

}  // namespace openelm
