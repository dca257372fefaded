#pragma once

// A thread of a GPU on one thread of the host: a stack of its own, which is entered and left again.

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace openelm::emulation {

class Fiber {
 public:
  /// Runs `body` on a stack of its own until that leaves for the first time.
  void start(void (*body)()) {
    if (!stack_) stack_ = std::make_unique_for_overwrite<char[]>(kStack);
    // Only this needs ucontext, whose switches are system calls.
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_.get();
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, body, 0);
    running() = this;
    if (_setjmp(scheduler()) == 0) setcontext(&context);
  }

  /// Goes on where it left, until it leaves again. A body does not return: when it is done it leaves for
  /// ever.
  [[gnu::noinline]] void enter() {
    running() = this;
    if (_setjmp(scheduler()) == 0) _longjmp(place_, 1);
  }

  /// From within a fiber: back to who entered it.
  [[gnu::noinline]] static void leave() {
    if (_setjmp(running()->place_) == 0) _longjmp(scheduler(), 1);
  }

 private:
  static constexpr size_t kStack = size_t{256} << 10;

  static Fiber*& running() {
    static Fiber* fiber = nullptr;
    return fiber;
  }
  static jmp_buf& scheduler() {
    static jmp_buf place;
    return place;
  }

  std::unique_ptr<char[]> stack_;
  jmp_buf place_;
};

}  // namespace openelm::emulation
