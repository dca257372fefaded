#pragma once

// A group of real threads, as compat.h wants it. Teams exchange values through memory, so that a body which
// forgets a barrier, or calls a team's function from some lanes only, is a data race or a deadlock here.

#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/compat.h"

namespace openelm::gpu::host {

/// A barrier; nothing for a single thread.
class Meeting {
 public:
  explicit Meeting(uint32_t threads) {
    if (threads > 1) barrier_ = std::make_unique<std::barrier<>>(threads);
  }
  void wait() {
    if (barrier_) barrier_->arrive_and_wait();
  }

 private:
  std::unique_ptr<std::barrier<>> barrier_;
};

/// What the threads of a group share besides their shared memory.
struct GroupState {
  GroupState(uint32_t teams, uint32_t team_size)
      : teams(teams), team_size(team_size), all(teams * team_size), exchange(2 * teams * team_size) {
    for (uint32_t i = 0; i < teams; ++i) of_team.emplace_back(team_size);
  }

  uint32_t teams, team_size;
  Meeting all;
  std::vector<Meeting> of_team;
  std::vector<uint32_t> exchange;  // [2][threads]: consecutive exchanges use different halves
  bool last = false;               // the answer of last_to_come
};

/// One thread of it.
struct ThreadState {
  GroupState* group;
  uint32_t lane;
  uint32_t exchanges = 0;
};

class HostTeam {
 public:
  explicit HostTeam(ThreadState* thread) : thread_(thread) {}
  uint32_t lane() const { return thread_->lane % size(); }
  uint32_t size() const { return thread_->group->team_size; }
  void barrier() const { thread_->group->of_team[thread_->lane / size()].wait(); }
  float sum(float x) const { return sum(x, size()); }
  float sum(float x, uint32_t n) const {
    const uint32_t* values = exchange(as_bits(x), n);
    float total = as_float(values[0]);
    for (uint32_t i = 1; i < n; ++i) total += as_float(values[i]);
    return total;
  }
  float max(float x) const { return max(x, size()); }
  float max(float x, uint32_t n) const {
    const uint32_t* values = exchange(as_bits(x), n);
    float largest = as_float(values[0]);
    for (uint32_t i = 1; i < n; ++i) largest = max_of(largest, as_float(values[i]));
    return largest;
  }
  uint32_t max(uint32_t x) const { return max(x, size()); }
  uint32_t max(uint32_t x, uint32_t n) const {
    const uint32_t* values = exchange(x, n);
    uint32_t largest = values[0];
    for (uint32_t i = 1; i < n; ++i) largest = values[i] > largest ? values[i] : largest;
    return largest;
  }

 private:
  /// The values of this lane's run of n.
  const uint32_t* exchange(uint32_t value, uint32_t n) const {
    GroupState& group = *thread_->group;
    uint32_t* values = group.exchange.data() + thread_->exchanges++ % 2 * group.teams * group.team_size;
    values[thread_->lane] = value;
    barrier();
    return values + thread_->lane / n * n;
  }

  ThreadState* thread_;
};

class HostGroup {
 public:
  explicit HostGroup(ThreadState* thread) : thread_(thread) {}
  uint32_t lane() const { return thread_->lane; }
  uint32_t size() const { return thread_->group->teams * thread_->group->team_size; }
  void barrier() const { thread_->group->all.wait(); }
  HostTeam team() const { return HostTeam(thread_); }
  uint32_t team_index() const { return thread_->lane / thread_->group->team_size; }
  uint32_t teams() const { return thread_->group->teams; }
  /// See gpu/bodies/attention.h; only where groups run side by side.
  bool last_to_come(uint32_t* counter, uint32_t groups) const {
    barrier();
    if (lane() == 0) {
      std::atomic_ref<uint32_t> come(*counter);
      thread_->group->last = come.fetch_add(1, std::memory_order_acq_rel) + 1 == groups;
      if (thread_->group->last) come.store(0, std::memory_order_relaxed);
    }
    barrier();
    return thread_->group->last;
  }

 private:
  ThreadState* thread_;
};

}  // namespace openelm::gpu::host
