#include "gpu/host/threads.h"

namespace openelm::gpu::host {

Threads::Threads(uint32_t teams, uint32_t team_size)
    : group_(teams, team_size), start_(teams * team_size), end_(teams * team_size) {
  for (uint32_t i = 0; i < teams * team_size; ++i) states_.push_back({&group_, i});
  for (uint32_t i = 1; i < teams * team_size; ++i)
    threads_.emplace_back([this, i] {
      for (;;) {
        start_.wait();
        if (!kernel_) return;
        play(states_[i]);
        end_.wait();
      }
    });
}

Threads::~Threads() {
  kernel_ = nullptr;
  start_.wait();
  for (std::thread& thread : threads_) thread.join();
}

void Threads::run(uint32_t groups, const Kernel& kernel) {
  kernel_ = &kernel;
  groups_ = groups;
  start_.wait();
  play(states_[0]);
  end_.wait();
}

void Threads::play(ThreadState& thread) {
  for (uint32_t i = 0; i < groups_; ++i) {
    (*kernel_)(HostGroup(&thread), i);
    group_.all.wait();  // groups share their shared memory
  }
}

}  // namespace openelm::gpu::host
