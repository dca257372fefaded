#include "model/grammar/automaton.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace openelm {
namespace {

constexpr size_t kMaxStates = size_t{1} << 20;  // with empty steps, edges included
constexpr size_t kMaxEdges = size_t{1} << 21;
constexpr size_t kMaxVisits = size_t{1} << 25;  // of states while empty steps are removed

using Kind = GrammarNode::Kind;

/// Builds states with empty steps from the tree (Thompson 1968), then removes the empty steps.
class Builder {
 public:
  Builder(const GrammarTree& tree, std::vector<uint32_t>& owner) : tree_(tree), owner_(owner) {}

  Result<Automaton> build() {
    for (uint32_t i = 0; i < tree_.rules.size(); ++i) {
      bodies_.push_back(tree_.rules[i].body);
      owner_.push_back(i);
    }
    // Compiling a rule may add others behind it.
    for (uint32_t i = 0; i < bodies_.size() && fits(); ++i) {
      current_ = owner_[i];
      const uint32_t start = new_state();
      starts_.push_back(start);
      ends_.push_back(compile(bodies_[i], start));
    }
    if (!fits()) return too_large();
    if (!remove_empty_steps()) return too_large();
    return std::move(out_);
  }

 private:
  /// An edge of a state with empty steps; `rule` is kByte, kEmpty or a rule.
  struct Edge {
    uint32_t rule, to, next;
    uint8_t low, high;
  };
  static constexpr uint32_t kByte = 0xFFFFFFFF, kEmpty = 0xFFFFFFFE, kNone = Automaton::kNone;

  static Status too_large() {
    return Status(Code::grammar, "The grammar is too large: it takes more than " +
                                     std::to_string(kMaxStates) + " states and steps");
  }
  bool fits() const { return heads_.size() + edges_.size() <= kMaxStates; }

  uint32_t new_state() {
    heads_.push_back(kNone);
    return static_cast<uint32_t>(heads_.size() - 1);
  }
  void add(uint32_t from, Edge edge) {
    edge.next = heads_[from];
    heads_[from] = static_cast<uint32_t>(edges_.size());
    edges_.push_back(edge);
  }
  void add_empty(uint32_t from, uint32_t to) { add(from, {kEmpty, to, 0, 0, 0}); }
  void add_byte(uint32_t from, uint8_t low, uint8_t high, uint32_t to) {
    add(from, {kByte, to, 0, low, high});
  }

  /// The state after what the node matches from `from` on. Bounded by the depth of the tree.
  uint32_t compile(uint32_t index, uint32_t from) {
    if (!fits()) return from;
    const GrammarNode& node = tree_.nodes[index];
    switch (node.kind) {
      case Kind::chars:
        return characters(node, from);
      case Kind::rule: {
        const uint32_t to = new_state();
        add(from, {node.rule, to, 0, 0, 0});
        return to;
      }
      case Kind::sequence:
        for (const uint32_t child : node.children) from = compile(child, from);
        return from;
      case Kind::choice: {
        const uint32_t to = new_state();
        for (const uint32_t child : node.children) {
          // Each alternative begins apart, so that none runs into what another loops back to.
          const uint32_t begin = new_state();
          add_empty(from, begin);
          add_empty(compile(child, begin), to);
        }
        return to;
      }
      case Kind::repeat:
        return repeat(node, from);
    }
    return from;
  }

  uint32_t characters(const GrammarNode& node, uint32_t from) {
    const uint32_t to = new_state();
    // The state from which some last bytes lead to `to`, by those bytes.
    std::map<std::string, uint32_t> tails;
    for (const ByteSequence& sequence : utf8_sequences(node.ranges)) {
      uint32_t target = to;
      std::string tail;
      for (uint32_t i = sequence.length; i-- > 1;) {
        tail += static_cast<char>(sequence.low[i]);
        tail += static_cast<char>(sequence.high[i]);
        const auto [entry, added] = tails.emplace(tail, 0);
        if (added) {
          entry->second = new_state();
          add_byte(entry->second, sequence.low[i], sequence.high[i], target);
        }
        target = entry->second;
      }
      add_byte(from, sequence.low[0], sequence.high[0], target);
    }
    return to;
  }

  uint32_t repeat(const GrammarNode& node, uint32_t from) {
    const uint32_t most = node.most;
    const bool unlimited = most == kUnlimited;
    if (unlimited ? node.least <= 1 : most <= 1)
      return repeat_once(node.children[0], node.least, unlimited, most, from);
    // Copies of a call are small; copies of what it stands for need not be.
    const uint32_t rule = rule_for(node.children[0]);
    const auto call = [&](uint32_t state) {
      const uint32_t to = new_state();
      add(state, {rule, to, 0, 0, 0});
      return to;
    };
    uint32_t state = from;
    for (uint32_t i = 0; i < node.least && fits(); ++i) state = call(state);
    const uint32_t end = new_state();
    if (unlimited) {
      const uint32_t loop = new_state();
      add_empty(state, loop);
      add_empty(call(loop), loop);
      add_empty(loop, end);
      return end;
    }
    for (uint32_t i = node.least; i < most && fits(); ++i) {
      add_empty(state, end);
      state = call(state);
    }
    add_empty(state, end);
    return end;
  }

  /// x?, x*, x+, {0} and {1}: without a copy.
  uint32_t repeat_once(uint32_t child, uint32_t least, bool unlimited, uint32_t most, uint32_t from) {
    if (most == 0) return from;
    const uint32_t loop = new_state(), end = new_state();
    add_empty(from, loop);
    const uint32_t after = compile(child, loop);
    if (unlimited) add_empty(after, loop);
    add_empty(after, end);
    if (least == 0) add_empty(from, end);
    return end;
  }

  /// A rule of its own for a node: the one it refers to, or a new one.
  uint32_t rule_for(uint32_t index) {
    const GrammarNode& node = tree_.nodes[index];
    if (node.kind == Kind::rule) return node.rule;
    const auto [entry, added] = made_.emplace(index, static_cast<uint32_t>(bodies_.size()));
    if (added) {
      bodies_.push_back(index);
      owner_.push_back(current_);
    }
    return entry->second;
  }

  /// Keeps the states that begin a rule or follow an edge and gives each the edges of all states that empty
  /// steps lead it to.
  bool remove_empty_steps() {
    std::vector<uint32_t> kept_as(heads_.size(), kNone), seen(heads_.size(), kNone), order, stack;
    const auto keep = [&](uint32_t state) {
      if (kept_as[state] == kNone) {
        kept_as[state] = static_cast<uint32_t>(order.size());
        order.push_back(state);
      }
      return kept_as[state];
    };
    std::vector<uint8_t> ends(heads_.size(), 0);
    for (const uint32_t end : ends_) ends[end] = 1;
    out_.root = tree_.root;
    out_.rule_start.assign(bodies_.size(), kNone);
    out_.rule_start[tree_.root] = keep(starts_[tree_.root]);
    size_t visits = 0;
    for (uint32_t i = 0; i < order.size(); ++i) {
      out_.byte_begin.push_back(static_cast<uint32_t>(out_.bytes.size()));
      out_.call_begin.push_back(static_cast<uint32_t>(out_.calls.size()));
      uint8_t accepting = 0;
      stack.assign(1, order[i]);
      seen[order[i]] = i;
      while (!stack.empty()) {
        const uint32_t state = stack.back();
        stack.pop_back();
        accepting |= ends[state];
        for (uint32_t e = heads_[state]; e != kNone; e = edges_[e].next) {
          const Edge& edge = edges_[e];
          if (++visits > kMaxVisits || out_.bytes.size() + out_.calls.size() > kMaxEdges) return false;
          if (edge.rule == kByte) {
            out_.bytes.push_back({edge.low, edge.high, keep(edge.to)});
          } else if (edge.rule == kEmpty) {
            if (seen[edge.to] != i) stack.push_back(edge.to);
            seen[edge.to] = i;
          } else {
            if (out_.rule_start[edge.rule] == kNone) out_.rule_start[edge.rule] = keep(starts_[edge.rule]);
            out_.calls.push_back({edge.rule, keep(edge.to)});
          }
        }
      }
      out_.accepting.push_back(accepting);
    }
    out_.byte_begin.push_back(static_cast<uint32_t>(out_.bytes.size()));
    out_.call_begin.push_back(static_cast<uint32_t>(out_.calls.size()));
    return true;
  }

  const GrammarTree& tree_;
  std::vector<uint32_t>& owner_;
  uint32_t current_ = 0;                 // the tree's rule that is being compiled
  std::vector<uint32_t> bodies_;         // node of each rule
  std::vector<uint32_t> starts_, ends_;  // states of each rule
  std::map<uint32_t, uint32_t> made_;    // rules made for nodes
  std::vector<uint32_t> heads_;          // first edge of each state
  std::vector<Edge> edges_;
  Automaton out_;
};

}  // namespace

Result<Automaton> build_automaton(const GrammarTree& tree, std::vector<uint32_t>& owner) {
  return Builder(tree, owner).build();
}

}  // namespace openelm
