#include "model/grammar/matcher.h"

#include <algorithm>

namespace openelm {
namespace {

constexpr size_t kFew = 16;  // items that are looked through one by one

}  // namespace

Matcher::Matcher(const Automaton& automaton) : automaton_(automaton) {
  begin(automaton.rule_start[automaton.root]);
}

Matcher::Matcher(const Automaton& automaton, uint32_t state) : automaton_(automaton) {
  begin(state);
}

/// Call 0 is the one that nobody made: when it ends, the text does.
void Matcher::begin(uint32_t state) {
  begun_.resize(automaton_.rule_start.size());
  calls_.push_back({0, kNone, 0});
  sets_.push_back({0, 1, 0, false});
  ++stamp_;
  add(state, 0, true);
  close();
  if (overflowed_) drop_last();
  if (sets_.empty()) sets_.push_back({0, 1, 0, false});
}

bool Matcher::push(uint8_t byte) {
  overflowed_ = false;
  const Set before = sets_.back();
  const auto end = static_cast<uint32_t>(items_.size());
  sets_.push_back({end, static_cast<uint32_t>(calls_.size()), static_cast<uint32_t>(returns_.size()), false});
  ++stamp_;
  for (uint32_t i = before.items; i < end; ++i) {
    for (const ByteEdge& edge : automaton_.bytes_of(items_[i].state)) {
      if (byte < edge.low) break;
      if (byte <= edge.high) add(edge.to, items_[i].call, true);
    }
  }
  if (items_.size() > end && close()) return true;
  drop_last();
  return false;
}

bool Matcher::push(std::string_view bytes) {
  const size_t before = size();
  for (const char byte : bytes) {
    if (push(static_cast<uint8_t>(byte))) continue;
    truncate(before);
    return false;
  }
  return true;
}

void Matcher::truncate(size_t bytes) {
  while (size() > bytes) drop_last();
}

void Matcher::drop_last() {
  const Set& set = sets_.back();
  items_.resize(set.items);
  calls_.resize(set.calls);
  returns_.resize(set.returns);
  sets_.pop_back();
}

bool Matcher::only_end() const {
  const std::span<const Item> all = items();
  return complete() && std::all_of(all.begin(), all.end(), [this](const Item& item) {
           return automaton_.bytes_of(item.state).empty();
         });
}

size_t Matcher::next_bytes() const {
  ByteSet next{};
  for (const Item& item : items()) {
    for (const ByteEdge& edge : automaton_.bytes_of(item.state))
      std::fill(next.begin() + edge.low, next.begin() + edge.high + 1, true);
  }
  return static_cast<size_t>(std::count(next.begin(), next.end(), true));
}

/// Adds what follows from the items without a byte. False when they become too many.
bool Matcher::close() {
  for (size_t i = sets_.back().items; i < items_.size(); ++i) {
    if (items_.size() - sets_.back().items > kMaxItems) {
      overflowed_ = true;
      return false;
    }
    const uint32_t state = items_[i].state, call = items_[i].call;
    if (automaton_.accepting[state]) end_call(call);
    for (const CallEdge& edge : automaton_.calls_of(state)) call_rule(edge, call);
  }
  return true;
}

void Matcher::end_call(uint32_t call) {
  if (call == 0) {
    sets_.back().complete = true;
    return;
  }
  // One that began here and matched nothing: who called it went on at once.
  if (calls_[call].set + 1 == sets_.size()) return;
  for (uint32_t i = calls_[call].returns; i != kNone; i = returns_[i].next)
    add(returns_[i].state, returns_[i].call, true);
}

void Matcher::call_rule(const CallEdge& edge, uint32_t from) {
  Begun& begun = begun_[edge.rule];
  if (begun.stamp != stamp_) {
    begun = {stamp_, static_cast<uint32_t>(calls_.size())};
    calls_.push_back({static_cast<uint32_t>(sets_.size() - 1), kNone, kUnknown});
    add(automaton_.rule_start[edge.rule], begun.call, false);
  }
  Return target{edge.to, from, calls_[begun.call].returns};
  const Call& caller = calls_[from];
  const bool settled = from != 0 && caller.set + 1 < sets_.size();
  if (settled && automaton_.only_end(edge.to) && returns_[caller.returns].next == kNone) {
    // The caller ends with this call and has one place to return to.
    target.state = returns_[caller.returns].state;
    target.call = returns_[caller.returns].call;
  }
  bool known = false;
  if (target.next != kNone) {
    const Return& last = returns_[target.next];
    known = last.state == target.state && last.call == target.call;
  }
  if (!known) {
    calls_[begun.call].returns = static_cast<uint32_t>(returns_.size());
    returns_.push_back(target);
  }
  if (automaton_.nullable(edge.rule)) add(edge.to, from, false);
}

void Matcher::add(uint32_t state, uint32_t call, bool core) {
  if (Item* item = find(state, call)) {
    item->core = item->core || core;
    return;
  }
  ++work_;
  items_.push_back({state, call, core});
  const size_t count = items_.size() - sets_.back().items;
  if (count <= kFew) return;
  if (count == kFew + 1 || count * 2 > slots_.size()) {
    if (count * 2 > slots_.size()) slots_.assign(std::max<size_t>(256, count * 4), {});
    ++slots_stamp_;
    for (size_t i = sets_.back().items; i < items_.size(); ++i) note(static_cast<uint32_t>(i));
  } else {
    note(static_cast<uint32_t>(items_.size() - 1));
  }
}

/// The item of the last set, or null.
Matcher::Item* Matcher::find(uint32_t state, uint32_t call) {
  const size_t first = sets_.back().items, count = items_.size() - first;
  if (count <= kFew) {
    for (size_t i = first; i < items_.size(); ++i)
      if (items_[i].state == state && items_[i].call == call) return &items_[i];
    return nullptr;
  }
  const uint64_t key = uint64_t{state} << 32 | call;
  for (size_t at = key * 0x9E3779B97F4A7C15ull >> 32;; ++at) {
    const Slot& slot = slots_[at % slots_.size()];
    if (slot.stamp != slots_stamp_) return nullptr;
    Item& item = items_[slot.item];
    if (item.state == state && item.call == call) return &item;
  }
}

void Matcher::note(uint32_t index) {
  const uint64_t key = uint64_t{items_[index].state} << 32 | items_[index].call;
  size_t at = key * 0x9E3779B97F4A7C15ull >> 32;
  while (slots_[at % slots_.size()].stamp == slots_stamp_) ++at;
  slots_[at % slots_.size()] = {slots_stamp_, index};
}

/// Least bytes to the end of the text by a return, if those of its call are known.
uint32_t Matcher::through(const Return& target) const {
  const uint64_t bytes = uint64_t{automaton_.shortest[target.state]} + calls_[target.call].after;
  return static_cast<uint32_t>(std::min<uint64_t>(bytes, Automaton::kNever));
}

/// Without recursion, as calls may be as deep as the text is long.
uint32_t Matcher::after(uint32_t call) {
  pending_.assign(1, call);
  while (!pending_.empty()) {
    const uint32_t current = pending_.back();
    if (calls_[current].after != kUnknown) {
      pending_.pop_back();
      continue;
    }
    const size_t before = pending_.size();
    uint32_t least = Automaton::kNever;
    for (uint32_t i = calls_[current].returns; i != kNone; i = returns_[i].next) {
      if (calls_[returns_[i].call].after == kUnknown)
        pending_.push_back(returns_[i].call);
      else
        least = std::min(least, through(returns_[i]));
    }
    if (pending_.size() > before) continue;
    calls_[current].after = least;
    pending_.pop_back();
  }
  return calls_[call].after;
}

uint32_t Matcher::rest_of(const Item& item) {
  after(item.call);
  return through({item.state, item.call, kNone});
}

uint32_t Matcher::shortest() {
  uint32_t least = Automaton::kNever;
  for (const Item& item : items())
    if (item.core) least = std::min(least, rest_of(item));
  return least;
}

std::string Matcher::shortest_rest() {
  using Step = Automaton::Step;
  const uint32_t length = shortest();
  std::string rest;
  if (length == 0 || length >= Automaton::kNever) return rest;
  uint32_t state = 0, call = 0;
  for (const Item& item : items()) {
    if (!item.core || rest_of(item) != length) continue;
    state = item.state;
    call = item.call;
    break;
  }
  std::vector<uint32_t> inner;  // where rules called on the way return to
  for (;;) {
    const Step& step = automaton_.step[state];
    if (step.kind == Step::Kind::byte) {
      rest += static_cast<char>(step.byte);
      state = step.to;
    } else if (step.kind == Step::Kind::call) {
      inner.push_back(step.to);
      state = automaton_.rule_start[step.rule];
    } else if (!inner.empty()) {
      state = inner.back();
      inner.pop_back();
    } else if (call == 0) {
      return rest;
    } else {
      uint32_t next = calls_[call].returns;
      for (uint32_t i = next; i != kNone; i = returns_[i].next)
        if (rest_of({returns_[i].state, returns_[i].call, true}) == after(call)) next = i;
      state = returns_[next].state;
      call = returns_[next].call;
    }
  }
}

}  // namespace openelm
