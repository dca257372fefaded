#include "runtime/thread_pool.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace openelm {
namespace {

/// Tells the core that this is a spin loop.
void relax() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  __asm__ volatile("yield");
#endif
}

// Barriers inside a pass are microseconds apart, and between passes only a token is sampled: spin for about a
// tenth of a millisecond. Whoever has not come by then has lost its core to another process: sleep, and leave
// it ours.
constexpr int kSpins = 4000;

}  // namespace

void Worker::barrier() noexcept {
  claim_ = 0;
  if (count_ > 1) pool_.arrive_and_wait();
}

std::atomic<size_t>& Worker::next_claim() noexcept {
  return pool_.claims_[claim_++ % kClaims].next;
}

ThreadPool::ThreadPool(unsigned threads) : count_(std::max(1u, threads)) {
  threads_.reserve(count_ - 1);
  for (unsigned i = 1; i < count_; ++i) threads_.emplace_back([this, i] { serve(i); });
}

ThreadPool::~ThreadPool() {
  closing_ = true;
  run_number_.fetch_add(1, std::memory_order_release);
  run_number_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(const std::function<void(Worker&)>& task) {
  Worker self(*this, 0, count_);
  if (count_ == 1) {
    task(self);
    return;
  }
  task_ = &task;
  run_number_.fetch_add(1, std::memory_order_release);
  run_number_.notify_all();
  task(self);
  arrive_and_wait();
}

void ThreadPool::serve(unsigned index) {
  uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < kSpins && run_number_.load(std::memory_order_acquire) == seen; ++i) relax();
    run_number_.wait(seen, std::memory_order_acquire);
    ++seen;
    if (closing_) return;
    Worker self(*this, index, count_);
    (*task_)(self);
    arrive_and_wait();
  }
}

void ThreadPool::arrive_and_wait() noexcept {
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
    for (Claim& claim : claims_) claim.next.store(0, std::memory_order_relaxed);
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  for (int i = 0; i < kSpins && phase_.load(std::memory_order_acquire) == phase; ++i) relax();
  phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace openelm
