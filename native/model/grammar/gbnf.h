#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/grammar/utf8_ranges.h"
#include "runtime/status.h"

namespace openelm {

inline constexpr uint32_t kUnlimited = 0xFFFFFFFF;

/// A node of a grammar's syntax tree. Children are indices into GrammarTree::nodes.
struct GrammarNode {
  enum class Kind : uint8_t { chars, rule, sequence, choice, repeat };

  Kind kind = Kind::sequence;
  uint32_t rule = 0;              // rule: index of the one referred to
  uint32_t least = 0, most = 0;   // repeat: how often; most may be kUnlimited
  uint32_t depth = 1;             // of the tree below, itself included
  std::vector<CodeRange> ranges;  // chars: one character out of these, normalized
  std::vector<uint32_t> children;
};

struct GrammarRule {
  std::string name;
  uint32_t line = 0, column = 0;  // of the definition, from 1
  uint32_t body = 0;              // index of its node
};

struct GrammarTree {
  std::vector<GrammarNode> nodes;
  std::vector<GrammarRule> rules;
  uint32_t root = 0;  // index of the rule called root
};

/// Reads GBNF, the grammar language of llama.cpp (grammars/README.md there): rules `name ::= …` of literals,
/// character classes, `.`, groups, alternatives, references and `* + ? {m} {m,} {m,n}`; `#` begins a comment;
/// a rule ends with its line unless a group is open or an alternative is awaited. The text comes from
/// outside: sizes, nesting and counts are bounded, and every failure is Code::grammar with line and column.
Result<GrammarTree> parse_gbnf(std::string_view text);

}  // namespace openelm
