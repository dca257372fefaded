#pragma once

// Blocks of GPU threads on one thread of the host: fibers that switch where threads of a GPU wait for each
// other. Warps run in random order and each as far ahead of the others as barriers let it, so that a missing
// barrier shows.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "gpu/fiber.h"

namespace openelm::emulation {

class Block {
 public:
  Block(uint32_t threads, uint64_t seed) : threads_(threads), warps_(threads / 32), random_(seed) {}

  /// Runs body once on every thread; false when threads wait for each other forever.
  bool run(const std::function<void()>& body) { return run_together({this}, body); }

  /// The same of several blocks that run at once.
  static bool run_together(const std::vector<Block*>& blocks, const std::function<void()>& body) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      blocks[i]->index_ = static_cast<uint32_t>(i);
      blocks[i]->count_ = static_cast<uint32_t>(blocks.size());
      blocks[i]->start(body);
    }
    const auto running = [](const Block* block) { return block->running(); };
    for (bool moved = true; moved;) {
      moved = false;
      for (Block* block : blocks) {
        current_block() = block;
        moved = block->advance() || moved;
      }
    }
    current_block() = nullptr;
    return std::none_of(blocks.begin(), blocks.end(), running);
  }

  uint32_t thread() const { return current_; }
  /// Which of the blocks that run together it is, and how many there are.
  uint32_t index() const { return index_; }
  uint32_t count() const { return count_; }

  /// Waits until a number is no longer `value`; others change it.
  void wait_while(const uint64_t* number, uint64_t value) {
    while (*number == value) yield(number, value);
  }

  /// Waits for the block; the last to arrive lets all go on.
  void block_barrier() {
    const uint64_t generation = barrier_generation_;
    if (++barrier_arrived_ == threads_.size()) {
      barrier_arrived_ = 0;
      ++barrier_generation_;
    }
    wait_while(&barrier_generation_, generation);
  }

  /// Runs `work` once when all lanes of the warp have come here; lanes go on after it.
  template <class Work>
  void warp_step(Work work) {
    Warp& warp = warps_[current_ / 32];
    const uint64_t generation = warp.generation;
    if (++warp.arrived == 32) {
      work();
      warp.arrived = 0;
      ++warp.generation;
    }
    wait_while(&warp.generation, generation);
  }

  static Block*& current_block() {
    static Block* block = nullptr;
    return block;
  }

 private:
  struct Thread {
    Fiber fiber;
    const uint64_t* waits_for = nullptr;  // goes on once this is no longer `generation`
    uint64_t generation = 0;
    bool done = false;
  };
  struct Warp {
    uint64_t generation = 0;
    uint32_t arrived = 0;
  };

  void start(const std::function<void()>& body) {
    body_ = &body;
    current_block() = this;
    for (current_ = 0; current_ < threads_.size(); ++current_) {
      threads_[current_].done = false;
      threads_[current_].waits_for = nullptr;
      threads_[current_].fiber.start(&Block::live);
    }
  }

  static void live() {
    Fiber::leave();
    (*current_block()->body_)();
    Block& block = *current_block();
    block.threads_[block.current_].done = true;
    for (;;) Fiber::leave();
  }

  void yield(const uint64_t* waits_for, uint64_t generation) {
    Thread& thread = threads_[current_];
    thread.waits_for = waits_for;
    thread.generation = generation;
    Fiber::leave();
  }

  bool running() const {
    for (const Thread& thread : threads_) {
      if (!thread.done) return true;
    }
    return false;
  }

  /// Lets one warp, chosen at random among those that can move, run until it cannot.
  bool advance() {
    const size_t first = random_() % warps_.size();
    for (size_t i = 0; i < warps_.size(); ++i) {
      const size_t warp = (first + i) % warps_.size();
      bool moved = false;
      while (advance_lanes(static_cast<uint32_t>(warp))) moved = true;
      if (moved) return true;
    }
    return false;
  }

  bool advance_lanes(uint32_t warp) {
    bool moved = false;
    for (current_ = warp * 32; current_ < warp * 32 + 32; ++current_) {
      Thread& thread = threads_[current_];
      if (thread.done || (thread.waits_for != nullptr && *thread.waits_for == thread.generation)) continue;
      moved = true;
      thread.fiber.enter();
    }
    return moved;
  }

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::mt19937_64 random_;
  const std::function<void()>* body_ = nullptr;
  uint32_t current_ = 0, index_ = 0, count_ = 1;
  uint64_t barrier_generation_ = 0;
  size_t barrier_arrived_ = 0;
};

}  // namespace openelm::emulation
