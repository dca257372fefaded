#include "model/grammar/token_trie.h"

#include <algorithm>
#include <limits>

namespace openelm {

TokenTrie::TokenTrie(const Tokenizer& tokenizer) {
  const auto size = static_cast<size_t>(tokenizer.size());
  bytes_.resize(size);
  next_same_.assign(size, kNoToken);
  std::vector<int32_t> order;
  for (size_t i = 0; i < size; ++i) {
    const auto id = static_cast<int32_t>(i);
    bytes_[i] = tokenizer.piece_bytes(id);
    if (!bytes_[i].empty()) order.push_back(id);
  }
  std::sort(order.begin(), order.end(), [this](int32_t a, int32_t b) {
    const int compared = bytes_[static_cast<size_t>(a)].compare(bytes_[static_cast<size_t>(b)]);
    return compared != 0 ? compared < 0 : a < b;
  });
  nodes_.push_back({0, 0, kNoToken, 0, 0});
  std::vector<uint32_t> path{0};  // nodes of the bytes of the token before
  std::string_view before;
  int32_t last = kNoToken;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back())
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (const int32_t id : order) {
    const std::string_view bytes = bytes_[static_cast<size_t>(id)];
    if (bytes == before) {
      next_same_[static_cast<size_t>(last)] = id;
      last = id;
      continue;
    }
    const auto common = std::mismatch(bytes.begin(), bytes.end(), before.begin(), before.end()).first;
    close(static_cast<size_t>(common - bytes.begin()));
    for (size_t i = path.size() - 1; i < bytes.size(); ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      const auto index = static_cast<uint32_t>(nodes_.size());
      if (i == 0) first_[byte] = index;
      nodes_.push_back({0, path.back(), kNoToken, static_cast<uint16_t>(i + 1), byte});
      path.push_back(index);
    }
    nodes_[path.back()].token = id;
    before = bytes;
    last = id;
    longest_ = std::max(longest_, bytes.size());
    if (bytes.size() == 1) single_[static_cast<uint8_t>(bytes[0])] = true;
  }
  close(0);
  nodes_[0].end = static_cast<uint32_t>(nodes_.size());
}

uint32_t TokenTrie::child(uint32_t node, uint8_t byte) const noexcept {
  if (node == 0) return first_[byte];
  for (uint32_t i = node + 1; i < nodes_[node].end; i = nodes_[i].end)
    if (nodes_[i].byte == byte) return i;
  return 0;
}

std::string_view TokenTrie::bytes(int32_t token) const noexcept {
  if (token < 0 || static_cast<size_t>(token) >= bytes_.size()) return {};
  return bytes_[static_cast<size_t>(token)];
}

std::vector<int32_t> TokenTrie::spell(std::string_view bytes) const {
  constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
  struct Best {
    uint32_t tokens;
    int32_t first;
  };
  // Of the rest from each byte on, from the end; of equals the longer token.
  std::vector<Best> best(bytes.size() + 1, {kNever, kNoToken});
  best[bytes.size()] = {0, kNoToken};
  for (size_t begin = bytes.size(); begin-- > 0;) {
    uint32_t node = 0;
    for (size_t i = begin; i < bytes.size(); ++i) {
      node = child(node, static_cast<uint8_t>(bytes[i]));
      if (node == 0) break;
      if (nodes_[node].token == kNoToken || best[i + 1].tokens == kNever) continue;
      if (best[i + 1].tokens + 1 <= best[begin].tokens)
        best[begin] = {best[i + 1].tokens + 1, nodes_[node].token};
    }
  }
  std::vector<int32_t> ids;
  for (size_t i = 0; i < bytes.size() && best[i].first != kNoToken; i += this->bytes(best[i].first).size())
    ids.push_back(best[i].first);
  return ids;
}

}  // namespace openelm
