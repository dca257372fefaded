#pragma once

// Earley's algorithm (1970) on a recursive network of states, byte by byte. A set holds the states the
// grammar may be in after the bytes so far; an item is a state and the call it belongs to; a call is a rule
// begun at a position, shared by all who began it there, so that ambiguity costs items but never branches. A
// call that ends a rule is replaced by the caller's return (Leo 1991), so that right recursion does not pile
// up. Sets lie one after another and the last ones can be taken back: that is how tokens are tried.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/grammar/automaton.h"

namespace openelm {

class Matcher {
 public:
  struct Item {
    uint32_t state, call;
    bool core;  // reached by a byte or by a return, not by beginning a rule
  };

  /// Most items of a set: more and the byte is refused, with overflowed() true.
  static constexpr size_t kMaxItems = size_t{1} << 16;

  /// Begins at the start of the root rule. The automaton must outlive it.
  explicit Matcher(const Automaton& automaton);
  /// Begins at a state of a rule whose caller is unknown: complete() then says that the rule may end.
  Matcher(const Automaton& automaton, uint32_t state);

  /// Goes on by a byte; false, and nothing changes, when no text of the grammar goes on so.
  bool push(uint8_t byte);
  /// All bytes or none of them.
  bool push(std::string_view bytes);
  /// Takes bytes back until so many are left.
  void truncate(size_t bytes);
  /// Bytes so far.
  size_t size() const noexcept { return sets_.size() - 1; }

  /// Whether the bytes so far are a text of the grammar.
  bool complete() const noexcept { return sets_.back().complete; }
  /// Whether nothing can follow.
  bool only_end() const;
  /// How many bytes may come next.
  size_t next_bytes() const;
  /// Least bytes that make the text complete; spelled by shortest_rest().
  uint32_t shortest();
  std::string shortest_rest();

  std::span<const Item> items() const noexcept { return items_of(sets_.back()); }
  /// Items made so far, those taken back included: how much work it was.
  uint64_t work() const noexcept { return work_; }
  /// Whether the byte pushed last was refused because its set would have been too large.
  bool overflowed() const noexcept { return overflowed_; }

 private:
  struct Set {
    uint32_t items, calls, returns;  // where its own begin
    bool complete;
  };
  /// A rule begun at a position, and the list of where it returns to.
  struct Call {
    uint32_t set, returns;
    uint32_t after;  // least bytes from its end to the end of the text; kUnknown before it is asked for
  };
  struct Return {
    uint32_t state, call, next;
  };
  struct Slot {
    uint64_t stamp = 0;
    uint32_t item = 0;
  };
  static constexpr uint32_t kNone = Automaton::kNone, kUnknown = 0xFFFFFFFF;

  std::span<const Item> items_of(const Set& set) const noexcept {
    return std::span<const Item>(items_).subspan(set.items);
  }
  void begin(uint32_t state);
  bool close();
  void add(uint32_t state, uint32_t call, bool core);
  Item* find(uint32_t state, uint32_t call);
  void note(uint32_t item);
  void call_rule(const CallEdge& edge, uint32_t from);
  void end_call(uint32_t call);
  void drop_last();
  uint32_t after(uint32_t call);
  uint32_t through(const Return& target) const;
  uint32_t rest_of(const Item& item);

  const Automaton& automaton_;
  std::vector<Set> sets_;
  std::vector<Item> items_;  // those of the last set come last, and so on
  std::vector<Call> calls_;
  std::vector<Return> returns_;

  // Of the set being made: which items it has, where they are many, and the call of each rule begun in it.
  struct Begun {
    uint64_t stamp = 0;
    uint32_t call = 0;
  };
  std::vector<Slot> slots_;
  std::vector<Begun> begun_;
  uint64_t stamp_ = 0, slots_stamp_ = 0;
  std::vector<uint32_t> pending_;  // of after()
  uint64_t work_ = 0;
  bool overflowed_ = false;
};

}  // namespace openelm
