#pragma once

// Threads that run one function together (single program, multiple data) and meet at barriers inside it. A
// forward pass is one such run: waking threads once a pass instead of once an op is what keeps decoding at
// memory speed.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace openelm {

class ThreadPool;

/// One thread's view of a run.
class Worker {
 public:
  Worker(ThreadPool& pool, unsigned index, unsigned count) : pool_(pool), index_(index), count_(count) {}

  unsigned index() const noexcept { return index_; }
  unsigned count() const noexcept { return count_; }

  /// Returns when every worker of the run has called it; what each wrote before is visible to all after.
  void barrier() noexcept;

  struct Range {
    size_t begin = 0, end = 0;
  };

  /// Calls body(begin, end) for chunks of [0, items), handed out as workers ask for them so that a slow core
  /// does less. Chunks are multiples of `smallest`: large ones first, since each has a price of its own, then
  /// smaller ones, so that all workers end together. Every worker must call it with the same arguments; no
  /// barrier is implied. At most kClaims calls may lie between two barriers.
  template <class Body>
  void for_chunks(size_t items, size_t smallest, Body body) noexcept {
    if (count_ == 1) {
      if (items > 0) body(size_t{0}, items);
      return;
    }
    std::atomic<size_t>& next = next_claim();
    for (Range chunk; (chunk = claim(next, items, smallest)).begin < chunk.end;) body(chunk.begin, chunk.end);
  }

  /// The same with body(chunk, next): each worker asks for its next chunk before it begins one, so that
  /// memory can be asked for ahead. The last one's next is empty.
  template <class Body>
  void for_chunks_ahead(size_t items, size_t smallest, Body body) noexcept {
    if (count_ == 1) {
      if (items > 0) body(Range{0, items}, Range{});
      return;
    }
    std::atomic<size_t>& unclaimed = next_claim();
    for (Range chunk = claim(unclaimed, items, smallest), next; chunk.begin < chunk.end; chunk = next) {
      next = claim(unclaimed, items, smallest);
      body(chunk, next);
    }
  }

  /// For for_chunks, of so many rows of a matrix: the last chunks even out cores of which one is three times
  /// slower than another.
  size_t smallest_chunk(size_t rows, size_t multiple) const noexcept {
    constexpr size_t kPerThread = 20;
    const size_t target = rows / (count_ * kPerThread);
    return std::max<size_t>(1, (target + multiple - 1) / multiple) * multiple;
  }

  /// This worker's even share of [0, items), in multiples of `multiple`.
  Range share(size_t items, size_t multiple = 1) const noexcept {
    const size_t units = (items + multiple - 1) / multiple;
    const size_t begin = units * index_ / count_ * multiple;
    const size_t end = units * (index_ + 1) / count_ * multiple;
    return {std::min(begin, items), std::min(end, items)};
  }

  static constexpr size_t kClaims = 8;

 private:
  std::atomic<size_t>& next_claim() noexcept;

  /// The next chunk of [0, items), empty when there is none.
  Range claim(std::atomic<size_t>& next, size_t items, size_t smallest) noexcept {
    size_t begin = next.load(std::memory_order_relaxed);
    while (begin < items) {
      const size_t share = (items - begin) / (2 * count_) / smallest * smallest;
      const size_t end = std::min(begin + std::max(share, smallest), items);
      if (next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) return {begin, end};
    }
    return {};
  }

  ThreadPool& pool_;
  unsigned index_, count_;
  size_t claim_ = 0;
};

/// `threads` workers, the caller of run() being the first of them. One run at a time: callers serialize.
class ThreadPool {
 public:
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned size() const noexcept { return count_; }

  /// Runs task on every worker and returns when all have finished.
  void run(const std::function<void(Worker&)>& task);

 private:
  friend class Worker;

  void serve(unsigned index);
  void arrive_and_wait() noexcept;

  const unsigned count_;
  std::vector<std::thread> threads_;
  const std::function<void(Worker&)>* task_ = nullptr;
  bool closing_ = false;

  // Each on its own cache line: they are written by different threads in quick succession.
  alignas(64) std::atomic<uint32_t> run_number_{0};
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  struct alignas(64) Claim {
    std::atomic<size_t> next{0};
  };
  Claim claims_[Worker::kClaims];
};

}  // namespace openelm
