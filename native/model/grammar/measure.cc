#include <algorithm>
#include <queue>
#include <utility>

#include "model/grammar/automaton.h"

namespace openelm {
namespace {

/// The byte a shortest text takes out of a range: one that reads well, or the first the vocabulary can say;
/// -1 when there is none.
int pick(const ByteEdge& edge, const ByteSet& spellable) {
  for (const char c : {'a', '0', '"', 'A'}) {
    const auto byte = static_cast<uint8_t>(c);
    if (edge.low <= byte && byte <= edge.high && spellable[byte]) return byte;
  }
  for (int byte = edge.low; byte <= edge.high; ++byte)
    if (spellable[static_cast<size_t>(byte)]) return byte;
  return -1;
}

/// Lists of edges by the state or rule they wait for, in one array.
class Waiting {
 public:
  explicit Waiting(size_t keys) : heads_(keys, Automaton::kNone) {}
  void add(uint32_t key, uint32_t from, uint32_t edge) {
    entries_.push_back({from, edge, heads_[key]});
    heads_[key] = static_cast<uint32_t>(entries_.size() - 1);
  }
  template <class Visit>
  void each(uint32_t key, const Visit& visit) const {
    for (uint32_t i = heads_[key]; i != Automaton::kNone; i = entries_[i].next)
      visit(entries_[i].from, entries_[i].edge);
  }

 private:
  struct Entry {
    uint32_t from, edge, next;
  };
  std::vector<uint32_t> heads_;
  std::vector<Entry> entries_;
};

/// Drops the edges of which `keep` is false and moves the others together.
template <class Edge, class Keep>
void compact(std::vector<uint32_t>& begin, std::vector<Edge>& edges, const Keep& keep) {
  uint32_t out = 0;
  for (size_t state = 0; state + 1 < begin.size(); ++state) {
    const uint32_t first = begin[state], last = begin[state + 1];
    begin[state] = out;
    for (uint32_t i = first; i < last; ++i)
      if (keep(edges[i])) edges[out++] = edges[i];
  }
  begin.back() = out;
  edges.resize(out);
}

}  // namespace

void measure(Automaton& a, const ByteSet& spellable) {
  using Step = Automaton::Step;
  const size_t n = a.states();
  a.shortest.assign(n, Automaton::kNever);
  a.step.assign(n, {});
  Waiting byte_edges(n), call_edges(n), callers(a.rule_start.size());
  for (uint32_t state = 0; state < n; ++state) {
    for (uint32_t i = a.byte_begin[state]; i < a.byte_begin[state + 1]; ++i)
      byte_edges.add(a.bytes[i].to, state, i);
    for (uint32_t i = a.call_begin[state]; i < a.call_begin[state + 1]; ++i) {
      call_edges.add(a.calls[i].to, state, i);
      callers.add(a.calls[i].rule, state, i);
    }
  }
  std::vector<uint32_t> rule_of(n, Automaton::kNone);  // the rule that a state begins
  for (uint32_t rule = 0; rule < a.rule_start.size(); ++rule)
    if (a.rule_start[rule] != Automaton::kNone) rule_of[a.rule_start[rule]] = rule;

  using Entry = std::pair<uint32_t, uint32_t>;  // length, state
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  std::vector<uint8_t> final(n, 0);
  const auto offer = [&](uint32_t state, uint64_t length, const Step& step) {
    if (length >= a.shortest[state]) return;
    a.shortest[state] = static_cast<uint32_t>(length);
    a.step[state] = step;
    queue.push({a.shortest[state], state});
  };
  const auto offer_call = [&](uint32_t from, uint32_t edge) {
    const CallEdge& call = a.calls[edge];
    const uint32_t start = a.rule_start[call.rule];
    if (!final[start] || !final[call.to]) return;
    offer(from, uint64_t{a.shortest[start]} + a.shortest[call.to], {Step::Kind::call, 0, call.rule, call.to});
  };
  for (uint32_t state = 0; state < n; ++state)
    if (a.accepting[state]) offer(state, 0, {});
  while (!queue.empty()) {
    const uint32_t state = queue.top().second;
    queue.pop();
    if (final[state]) continue;
    final[state] = 1;
    byte_edges.each(state, [&](uint32_t from, uint32_t edge) {
      const int byte = pick(a.bytes[edge], spellable);
      if (byte < 0) return;
      offer(from, uint64_t{a.shortest[state]} + 1, {Step::Kind::byte, static_cast<uint8_t>(byte), 0, state});
    });
    call_edges.each(state, offer_call);
    if (rule_of[state] != Automaton::kNone) callers.each(rule_of[state], offer_call);
  }
}

void drop_dead_ends(Automaton& a) {
  const auto alive = [&](uint32_t state) { return a.shortest[state] < Automaton::kNever; };
  compact(a.byte_begin, a.bytes, [&](const ByteEdge& edge) { return alive(edge.to); });
  compact(a.call_begin, a.calls,
          [&](const CallEdge& edge) { return alive(edge.to) && alive(a.rule_start[edge.rule]); });
  for (size_t state = 0; state < a.states(); ++state) {
    std::sort(a.bytes.begin() + a.byte_begin[state], a.bytes.begin() + a.byte_begin[state + 1],
              [](const ByteEdge& x, const ByteEdge& y) { return x.low < y.low; });
  }
}

Status check_recursion(const Automaton& a, const GrammarTree& tree, const std::vector<uint32_t>& owner) {
  constexpr uint32_t kMaxChain = 1000;
  const size_t rules = a.rule_start.size();
  // The rules that each rule may begin with.
  std::vector<std::vector<uint32_t>> first(rules);
  std::vector<uint32_t> seen(a.states(), Automaton::kNone), stack;
  for (uint32_t rule = 0; rule < rules; ++rule) {
    if (a.rule_start[rule] == Automaton::kNone) continue;
    stack.assign(1, a.rule_start[rule]);
    seen[a.rule_start[rule]] = rule;
    while (!stack.empty()) {
      const uint32_t state = stack.back();
      stack.pop_back();
      for (const CallEdge& call : a.calls_of(state)) {
        first[rule].push_back(call.rule);
        if (!a.nullable(call.rule) || seen[call.to] == rule) continue;
        seen[call.to] = rule;
        stack.push_back(call.to);
      }
    }
    std::sort(first[rule].begin(), first[rule].end());
    first[rule].erase(std::unique(first[rule].begin(), first[rule].end()), first[rule].end());
  }
  const auto wrong = [&](uint32_t rule, const char* why) {
    const GrammarRule& named = tree.rules[owner[rule]];
    return Status(Code::grammar, std::to_string(named.line) + ":" + std::to_string(named.column) +
                                     ": The rule \"" + named.name + "\" " + why);
  };
  // Depth first, without recursion of our own: rules come from outside.
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> color(rules, kNew);
  std::vector<uint32_t> height(rules, 1);
  std::vector<std::pair<uint32_t, size_t>> path;  // rule, next child
  for (uint32_t root = 0; root < rules; ++root) {
    if (color[root] != kNew) continue;
    path.assign(1, {root, 0});
    color[root] = kOpen;
    while (!path.empty()) {
      const uint32_t rule = path.back().first;
      if (path.back().second == first[rule].size()) {
        color[rule] = kDone;
        path.pop_back();
        if (path.empty()) continue;
        const uint32_t above = path.back().first;
        height[above] = std::max(height[above], height[rule] + 1);
        if (height[above] > kMaxChain)
          return wrong(above, "begins with more than 1000 rules, one in another");
        continue;
      }
      const uint32_t child = first[rule][path.back().second++];
      if (color[child] == kOpen)
        return wrong(child, "is left-recursive: it can come back to itself before any character");
      if (color[child] == kNew) {
        color[child] = kOpen;
        path.push_back({child, 0});
      } else {
        height[rule] = std::max(height[rule], height[child] + 1);
        if (height[rule] > kMaxChain) return wrong(rule, "begins with more than 1000 rules, one in another");
      }
    }
  }
  return {};
}

}  // namespace openelm
