#include "model/grammar/grammar.h"

#include <algorithm>
#include <string>
#include <utility>

namespace openelm {
namespace {

constexpr uint64_t kMostWork = 4'000'000;  // items made for one mask; a quarter of a second or so
constexpr size_t kMostStates = 2048;       // whose tokens are kept: 4 KB each for 32,000 tokens

}  // namespace

Result<std::shared_ptr<const Grammar>> Grammar::create(std::string_view gbnf,
                                                       std::shared_ptr<const TokenTrie> trie) {
  Result<GrammarTree> tree = parse_gbnf(gbnf);
  if (!tree.ok()) return tree.status;
  std::vector<uint32_t> owner;
  Result<Automaton> automaton = build_automaton(tree.value, owner);
  if (!automaton.ok()) return automaton.status;
  Automaton& a = automaton.value;
  ByteSet all;
  all.fill(true);
  measure(a, all);
  if (Status status = check_recursion(a, tree.value, owner); !status.ok()) return status;
  const auto endless = [&a] { return a.shortest[a.rule_start[a.root]] >= Automaton::kNever; };
  if (endless())
    return Status(Code::grammar,
                  "No text of less than 2^30 bytes satisfies the grammar: its rules need one another without "
                  "end, or its counts multiply");
  measure(a, trie->single_bytes());
  if (endless())
    return Status(Code::grammar, "The model's vocabulary lacks characters that the grammar needs");
  drop_dead_ends(a);
  if (Matcher(a).overflowed())
    return Status(Code::grammar, "The grammar is too large: a text may begin in too many ways");
  return std::shared_ptr<const Grammar>(new Grammar(std::move(a), std::move(trie)));
}

void Grammar::mark(const TokenTrie::Node& node, TokenMask& mask) const {
  for (int32_t id = node.token; id != TokenTrie::kNoToken; id = trie_->next_same(id)) mask.set(id);
}

/// Sets the tokens at a node and below it that the matcher, which has the bytes up to its parent, goes on
/// with.
bool Grammar::try_below(Matcher& matcher, uint32_t node, TokenMask& mask, uint64_t most) const {
  const std::vector<TokenTrie::Node>& nodes = trie_->nodes();
  const size_t base = matcher.size() + 1 - nodes[node].depth;  // bytes before the token
  for (uint32_t i = node; i < nodes[node].end;) {
    if (matcher.work() > most) return false;
    matcher.truncate(base + nodes[i].depth - 1u);
    if (!matcher.push(nodes[i].byte)) {
      i = nodes[i].end;
      continue;
    }
    mark(nodes[i], mask);
    ++i;
  }
  return true;
}

bool Grammar::allowed(Matcher& matcher, TokenMask& mask) const {
  std::vector<uint32_t> states, outside;
  for (const Matcher::Item& item : matcher.items())
    if (item.core) states.push_back(item.state);
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  for (const uint32_t state : states) {
    const std::shared_ptr<const StateTokens> tokens = tokens_of(state);
    if (!tokens) return false;
    mask.add(tokens->inside);
    outside.insert(outside.end(), tokens->outside.begin(), tokens->outside.end());
  }
  std::sort(outside.begin(), outside.end());
  const size_t before = matcher.size();
  const uint64_t most = matcher.work() + kMostWork;
  const std::vector<TokenTrie::Node>& nodes = trie_->nodes();
  std::string path;
  bool done = true;
  uint32_t end = 0;
  for (const uint32_t node : outside) {
    if (node < end) continue;  // below one before
    path.clear();
    for (uint32_t up = nodes[node].parent; up != 0; up = nodes[up].parent)
      path += static_cast<char>(nodes[up].byte);
    std::reverse(path.begin(), path.end());
    if (matcher.push(path)) done = done && try_below(matcher, node, mask, most);
    matcher.truncate(before);
    end = nodes[node].end;
    if (!done) break;
  }
  return done;
}

std::shared_ptr<const Grammar::StateTokens> Grammar::tokens_of(uint32_t state) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(state);
    if (found != states_.end()) return found->second;
  }
  std::shared_ptr<const StateTokens> tokens = find_tokens(state);
  const std::lock_guard lock(mutex_);
  if (states_.size() >= kMostStates) states_.clear();
  states_[state] = tokens;
  return tokens;
}

/// Null when it is too much work. Where the rule has ended on the way to a node that its own states refuse,
/// the caller decides about the node and all below it.
std::shared_ptr<const Grammar::StateTokens> Grammar::find_tokens(uint32_t state) const {
  auto tokens = std::make_shared<StateTokens>(trie_->tokens());
  const std::vector<TokenTrie::Node>& nodes = trie_->nodes();
  Matcher matcher(automaton_, state);
  std::vector<uint8_t> ended(1, 0);  // for each byte so far: whether the rule ended at or before it
  for (uint32_t i = 1; i < nodes.size();) {
    if (matcher.work() > kMostWork || matcher.overflowed()) return nullptr;
    const size_t depth = nodes[i].depth;
    matcher.truncate(depth - 1);
    ended.resize(depth);
    if (!matcher.push(nodes[i].byte)) {
      if (ended.back() != 0) tokens->outside.push_back(i);
      i = nodes[i].end;
      continue;
    }
    ended.push_back(ended.back() != 0 || matcher.complete() ? 1 : 0);
    mark(nodes[i], tokens->inside);
    ++i;
  }
  return tokens;
}

}  // namespace openelm
