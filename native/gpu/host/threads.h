#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "gpu/host/group.h"

namespace openelm::gpu::host {

/// The threads of one group, started once: they play the groups of a launch one after another.
class Threads {
 public:
  /// A kernel, called by every thread of a group with the number of the group.
  using Kernel = std::function<void(HostGroup, uint32_t)>;

  Threads(uint32_t teams, uint32_t team_size);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  /// Runs the kernel for groups [0, groups); returns when all have ended.
  void run(uint32_t groups, const Kernel& kernel);

 private:
  void play(ThreadState& thread);

  GroupState group_;
  Meeting start_, end_;
  const Kernel* kernel_ = nullptr;  // null: time to go
  uint32_t groups_ = 0;
  std::vector<ThreadState> states_;
  std::vector<std::thread> threads_;  // the caller of run is thread 0
};

}  // namespace openelm::gpu::host
