#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/grammar/automaton.h"
#include "model/grammar/matcher.h"
#include "model/grammar/token_trie.h"
#include "runtime/status.h"

namespace openelm {

/// A bit for each token of a vocabulary.
class TokenMask {
 public:
  explicit TokenMask(size_t tokens) : words_((tokens + 63) / 64) {}
  void set(int32_t token) noexcept { words_[static_cast<size_t>(token) / 64] |= uint64_t{1} << token % 64; }
  bool has(int32_t token) const noexcept {
    const auto index = static_cast<size_t>(token);
    return token >= 0 && index / 64 < words_.size() && (words_[index / 64] >> index % 64 & 1) != 0;
  }
  void add(const TokenMask& other) noexcept {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

 private:
  std::vector<uint64_t> words_;
};

/// A grammar for one vocabulary. Used by any number of sequences and threads at once.
///
/// Which tokens may come next is found out in two steps. For each state by itself, once: the tokens that stay
/// within its rule are allowed whoever called the rule, those that go on after its end depend on the caller.
/// For each position: the union of the first over the states there, and the others tried one by one; in JSON
/// they are hundreds, not tens of thousands.
class Grammar {
 public:
  /// Fails with Code::grammar for what parse_gbnf() refuses, for left recursion, and for a grammar without a
  /// text that the vocabulary can spell.
  static Result<std::shared_ptr<const Grammar>> create(std::string_view gbnf,
                                                       std::shared_ptr<const TokenTrie> trie);

  const Automaton& automaton() const noexcept { return automaton_; }
  const TokenTrie& trie() const noexcept { return *trie_; }

  /// Adds to `mask` every token that the text may go on with. The matcher is left as it was. False when that
  /// would take too much work, as hostile grammars can make it; the mask is then of no use.
  bool allowed(Matcher& matcher, TokenMask& mask) const;

 private:
  /// What a state says about tokens by itself.
  struct StateTokens {
    explicit StateTokens(size_t tokens) : inside(tokens) {}
    TokenMask inside;  // that stay within its rule
    std::vector<uint32_t>
        outside;  // nodes of the trie, by a byte after the rule's end: everything below depends
  };

  Grammar(Automaton automaton, std::shared_ptr<const TokenTrie> trie)
      : automaton_(std::move(automaton)), trie_(std::move(trie)) {}
  std::shared_ptr<const StateTokens> tokens_of(uint32_t state) const;
  std::shared_ptr<const StateTokens> find_tokens(uint32_t state) const;
  void mark(const TokenTrie::Node& node, TokenMask& mask) const;
  bool try_below(Matcher& matcher, uint32_t node, TokenMask& mask, uint64_t most) const;

  const Automaton automaton_;
  const std::shared_ptr<const TokenTrie> trie_;
  mutable std::mutex mutex_;  // guards states_
  mutable std::unordered_map<uint32_t, std::shared_ptr<const StateTokens>> states_;
};

}  // namespace openelm
