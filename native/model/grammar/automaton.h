#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/grammar/gbnf.h"
#include "runtime/status.h"

namespace openelm {

/// A step over one byte within [low, high].
struct ByteEdge {
  uint8_t low, high;
  uint32_t to;
};

/// A step over everything that a rule matches.
struct CallEdge {
  uint32_t rule, to;
};

/// A grammar as a recursive network of states over bytes: each rule is an automaton (without empty steps)
/// whose edges read a byte or call a rule. Every state left here can reach the end of its rule by spellable
/// bytes.
struct Automaton {
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  static constexpr uint32_t kNever = 1u << 30;  // lengths from here on count as infinite

  /// What comes next on a shortest way from a state to the end of its rule: nothing, a byte, or a call.
  struct Step {
    enum class Kind : uint8_t { end, byte, call } kind = Kind::end;
    uint8_t byte = 0;
    uint32_t rule = 0, to = 0;
  };

  std::vector<uint32_t> byte_begin, call_begin;  // [states + 1], into the edges
  std::vector<ByteEdge> bytes;                   // of each state sorted by low
  std::vector<CallEdge> calls;
  std::vector<uint8_t> accepting;    // the rule may end at the state
  std::vector<uint32_t> shortest;    // least bytes from a state to the end of its rule
  std::vector<Step> step;            // the first step of such a way
  std::vector<uint32_t> rule_start;  // kNone: nothing refers to the rule
  uint32_t root = 0;                 // rule

  size_t states() const noexcept { return accepting.size(); }
  std::span<const ByteEdge> bytes_of(uint32_t state) const noexcept {
    return {bytes.data() + byte_begin[state], bytes.data() + byte_begin[state + 1]};
  }
  std::span<const CallEdge> calls_of(uint32_t state) const noexcept {
    return {calls.data() + call_begin[state], calls.data() + call_begin[state + 1]};
  }
  bool nullable(uint32_t rule) const noexcept { return shortest[rule_start[rule]] == 0; }
  /// Whether nothing but the end of the rule is left.
  bool only_end(uint32_t state) const noexcept {
    return byte_begin[state] == byte_begin[state + 1] && call_begin[state] == call_begin[state + 1];
  }
};

/// Which bytes a vocabulary can say one at a time.
using ByteSet = std::array<bool, 256>;

/// States and edges of a tree; lengths are not known yet, and dead ends are still there. Fails with
/// Code::grammar when it becomes too large. `owner` receives for each rule, those made here included, the
/// index of the tree's rule it belongs to.
Result<Automaton> build_automaton(const GrammarTree& tree, std::vector<uint32_t>& owner);

/// Fills `shortest` and `step` (Knuth 1977, "A generalization of Dijkstra's algorithm").
void measure(Automaton& automaton, const ByteSet& spellable);

/// Drops the edges that lead to no end and sorts the others. Needs measure().
void drop_dead_ends(Automaton& automaton);

/// Fails with Code::grammar where a rule can come back to itself before any byte (left recursion), or where
/// rules begin with one another thousands deep. Needs measure().
Status check_recursion(const Automaton& automaton, const GrammarTree& tree,
                       const std::vector<uint32_t>& owner);

}  // namespace openelm
