#pragma once

// Blocks of GPU threads on one thread of the host: fibers that switch where threads of a GPU wait for each
// other. Warps run in random order and each as far ahead of the others as barriers let it, so that a missing
// barrier shows.

#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace openelm::emulation {

class Block {
 public:
  Block(uint32_t threads, uint64_t seed) : fibers_(threads), warps_(threads / 32), random_(seed) {}

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
    if (++barrier_arrived_ == fibers_.size()) {
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
  static constexpr size_t kStack = 256 * 1024;

  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
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
    for (Fiber& fiber : fibers_) {
      fiber.stack = std::make_unique_for_overwrite<char[]>(kStack);
      fiber.done = false;
      fiber.waits_for = nullptr;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = &scheduler_;
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Block::enter), 0);
    }
  }

  static void enter() {
    Block* const block = current_block();
    (*block->body_)();
    block->fibers_[block->current_].done = true;
  }

  void yield(const uint64_t* waits_for, uint64_t generation) {
    Fiber& fiber = fibers_[current_];
    fiber.waits_for = waits_for;
    fiber.generation = generation;
    swapcontext(&fiber.context, &scheduler_);
  }

  bool running() const {
    for (const Fiber& fiber : fibers_) {
      if (!fiber.done) return true;
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
      Fiber& fiber = fibers_[current_];
      if (fiber.done || (fiber.waits_for != nullptr && *fiber.waits_for == fiber.generation)) continue;
      moved = true;
      swapcontext(&scheduler_, &fiber.context);
    }
    return moved;
  }

  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  std::mt19937_64 random_;
  const std::function<void()>* body_ = nullptr;
  ucontext_t scheduler_;
  uint32_t current_ = 0, index_ = 0, count_ = 1;
  uint64_t barrier_generation_ = 0;
  size_t barrier_arrived_ = 0;
};

}  // namespace openelm::emulation
