#include "model/tokenizer/symbol_trie.h"

namespace openelm {

namespace {

uint64_t edge(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(byte);
}

}  // namespace

void SymbolTrie::insert(std::string_view symbol, int32_t id) {
  first_[static_cast<unsigned char>(symbol.front())] = true;
  uint32_t node = 0;
  for (const char byte : symbol) {
    const uint32_t next = edges_.insert(edge(node, byte), nodes_);
    if (next == nodes_) ++nodes_;
    node = next;
  }
  ends_.insert(node, static_cast<uint32_t>(id));
}

SymbolTrie::Match SymbolTrie::longest(std::string_view text) const {
  Match best = {-1, 0};
  if (text.empty() || !first_[static_cast<unsigned char>(text.front())]) return best;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    node = edges_.find(edge(node, text[i]));
    if (node == KeyTable::kNone) break;
    const uint32_t id = ends_.find(node);
    if (id != KeyTable::kNone) best = {static_cast<int32_t>(id), i + 1};
  }
  return best;
}

}  // namespace openelm
