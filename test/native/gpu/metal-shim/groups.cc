#include "groups.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "gpu/fiber.h"

namespace metal_shim {
namespace {

constexpr uint32_t kSimdWidth = 32;
constexpr uint32_t kMostThreads = 1024;

enum class State { ready, at_group, at_simdgroup, done };

using openelm::emulation::Fiber;

/// A thread of a group, which runs one entry point after the other.
struct Thread {
  Fiber fiber;
  State state = State::done;
  uint32_t exchanges = 0;
  uint32_t given[2] = {};  // to the exchange before and the one now
};

struct Call {
  EntryPoint entry;
  const char* name;
  const void* arguments;
  uint8_t* shared;
  Size3 at, grid, threads;
};

Thread group[kMostThreads];
uint32_t made = 0;                                           // of them have begun
uint32_t waiting_group, waiting[kMostThreads / kSimdWidth];  // at a barrier of the group, of a simdgroup
std::minstd_rand random_number(1);
uint32_t current;
Call call;

[[noreturn]] void stop(const char* why) {
  std::fprintf(stderr, "%s: %s\n", call.name, why);
  std::abort();
}

void live() {
  for (;;) {
    Fiber::leave();
    call.entry(call.arguments, call.shared, call.at, call.grid, current, call.threads);
    group[current].state = State::done;
  }
}

/// Goes on with a thread until it leaves.
void enter(uint32_t thread) {
  current = thread;
  group[thread].fiber.enter();
}

/// Waits until threads [first, last) all wait like this; `waiting` counts them.
void wait_for(State state, uint32_t first, uint32_t last, uint32_t& waiting) {
  group[current].state = state;
  if (++waiting == last - first) {
    waiting = 0;
    for (uint32_t i = first; i < last; ++i) group[i].state = State::ready;
  }
  Fiber::leave();
}

/// Runs its threads while they can; whether any could.
bool run_simdgroup(uint32_t simdgroup) {
  bool any = false;
  for (bool progress = true; progress;) {
    progress = false;
    for (uint32_t i = simdgroup * kSimdWidth; i < (simdgroup + 1) * kSimdWidth; ++i) {
      if (group[i].state != State::ready) continue;
      enter(i);
      any = progress = true;
    }
  }
  return any;
}

void run_group(uint32_t threads) {
  for (uint32_t i = 0; i < threads; ++i) group[i].state = State::ready;
  // Any simdgroup may come first and run as far as barriers let it, so that a missing one shows.
  const uint32_t simdgroups = threads / kSimdWidth;
  for (uint32_t idle = 0, next = random_number() % simdgroups; idle < simdgroups;
       next = (next + 1) % simdgroups) {
    idle = run_simdgroup(next) ? 0 : idle + 1;
    if (idle == 0) next = random_number() % simdgroups;
  }
  for (uint32_t i = 0; i < threads; ++i)
    if (group[i].state != State::done)
      stop("some threads of a group wait at a barrier that others never reach");
}

size_t pages_of(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

void run_grid(EntryPoint entry, const char* name, const void* arguments, Size3 grid, uint32_t threads,
              size_t shared_bytes) {
  if (threads == 0 || threads % kSimdWidth != 0 || threads > kMostThreads)
    stop("a group has whole simdgroups, 1024 threads at most");
  while (made < threads) group[made++].fiber.start(live);
  const Guarded shared(shared_bytes);
  call = {entry, name, arguments, shared.data(), {}, grid, {threads, 1, 1}};
  for (call.at.z = 0; call.at.z < grid.z; ++call.at.z)
    for (call.at.y = 0; call.at.y < grid.y; ++call.at.y)
      for (call.at.x = 0; call.at.x < grid.x; ++call.at.x) {
        std::memset(shared.data(), 0xff, shared.size());  // NaN
        run_group(threads);
      }
}

Guarded::Guarded(size_t bytes) : size_((bytes + 15) / 16 * 16) {
  page_bytes_ = pages_of(size_) + pages_of(1);
  void* pages = mmap(nullptr, page_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) stop("no memory");
  pages_ = static_cast<uint8_t*>(pages);
  mprotect(pages_ + page_bytes_ - pages_of(1), pages_of(1), PROT_NONE);
  data_ = pages_ + page_bytes_ - pages_of(1) - size_;
  std::memset(data_, 0xff, size_);
}

Guarded::~Guarded() {
  munmap(pages_, page_bytes_);
}

void Guarded::open(bool accessible) const {
  const int access = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
  if (mprotect(pages_, page_bytes_ - pages_of(1), access) != 0)
    stop("memory cannot be opened or closed: too many buffers");
}

}  // namespace metal_shim

namespace metal {

using namespace metal_shim;

unsigned simd_lane() {
  return current % kSimdWidth;
}

void wait_for_group() {
  wait_for(State::at_group, 0, call.threads.x, waiting_group);
}

void wait_for_simdgroup() {
  const uint32_t first = current / kSimdWidth * kSimdWidth;
  wait_for(State::at_simdgroup, first, first + kSimdWidth, waiting[first / kSimdWidth]);
}

// Two places, so that who is already at the next exchange overwrites nothing that is still to be read at this
// one.
unsigned exchange(unsigned value, unsigned from) {
  const uint32_t place = group[current].exchanges++ % 2;
  group[current].given[place] = value;
  wait_for_simdgroup();
  return group[current / kSimdWidth * kSimdWidth + from].given[place];
}

}  // namespace metal
