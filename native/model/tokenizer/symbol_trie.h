#pragma once

#include <cstdint>
#include <string_view>

#include "model/tokenizer/key_table.h"

namespace openelm {

/// Finds the longest of a set of strings at a position of a text. A byte trie with its edges in one hash
/// table: a step costs one look-up.
class SymbolTrie {
 public:
  struct Match {
    int32_t id;  // -1: none
    size_t length;
  };

  /// Adds a string that is not empty; the first of equal strings wins.
  void insert(std::string_view symbol, int32_t id);
  bool empty() const { return ends_.size() == 0; }
  /// The longest string that `text` begins with.
  Match longest(std::string_view text) const;

 private:
  bool first_[256] = {};  // bytes that some string begins with: most positions end here
  KeyTable edges_;        // node << 8 | byte -> node; the root is 0
  KeyTable ends_;         // node -> id
  uint32_t nodes_ = 1;
};

}  // namespace openelm
