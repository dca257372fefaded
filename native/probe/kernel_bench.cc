#include "probe/kernel_bench.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <iterator>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace openelm {
namespace {

using Clock = std::chrono::steady_clock;

/// More than caches hold: weights of one kernel, which come from memory when its turn comes again.
constexpr size_t kWorkingSet = size_t{256} << 20;
/// For the limit itself, so much more that what a large last-level cache keeps from one pass to the next (32
/// MiB are common, and replacement is not strictly of the oldest) does not count.
constexpr size_t kReadSet = size_t{512} << 20;

/// Bytes that are finite, small numbers in every format: a pattern of 0x11, 0x22 and 0x33.
void fill(uint8_t* data, size_t bytes) {
  uint32_t state = 1;
  for (size_t i = 0; i < bytes; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = static_cast<uint8_t>(0x11u * (1 + (state >> 24) % 3));
  }
}

/// Calls once to warm up, then until the time is over.
KernelBenchResult measure(const KernelBench& bench, const std::function<void()>& call) {
  std::vector<double> times;
  call();
  const Clock::time_point start = Clock::now();
  const auto elapsed = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  do {
    const Clock::time_point begin = Clock::now();
    call();
    times.push_back(elapsed(begin));
  } while (elapsed(start) < bench.seconds || times.size() < 3);
  std::sort(times.begin(), times.end());
  KernelBenchResult result;
  result.median_seconds = times[times.size() / 2];
  result.min_seconds = times[0];
  result.calls = times.size();
  return result;
}

Result<KernelBenchResult> bench_matmul(const KernelBench& bench, ThreadPool& pool) {
  if (bench.cols % dtype_info(bench.type).block_elements != 0)
    return Status(Code::invalid, "Rows are not whole blocks of the type");
  const MatmulImpl* impl = bench.kernels->matmul(bench.type, bench.tokens);
  const size_t bytes = bench.rows * row_bytes(bench.type, bench.cols);
  const size_t copies = bench.tokens == 1 ? std::max<size_t>(1, kWorkingSet / bytes) : 1;
  Result<Buffer> weights = Buffer::allocate(copies * bytes);
  Result<Buffer> x = Buffer::allocate(bench.tokens * bench.cols * sizeof(float));
  Result<Buffer> y = Buffer::allocate(bench.tokens * bench.rows * sizeof(float));
  Result<Buffer> packed = Buffer::allocate(impl->packed_bytes(bench.tokens, bench.cols));
  std::vector<Buffer> scratch(pool.size());
  for (const Result<Buffer>* buffer : {&weights, &x, &y, &packed})
    if (!buffer->ok()) return buffer->status;
  for (Buffer& own : scratch)
    if (Status s = own.reserve(impl->scratch_bytes(bench.tokens, bench.cols)); !s.ok()) return s;
  fill(weights.value.data(), copies * bytes);
  for (size_t i = 0; i < bench.tokens * bench.cols; ++i)
    x.value.as<float>()[i] = static_cast<float>(i % 17) - 8.0f;

  size_t turn = 0;
  const auto call = [&] {
    const WeightMatrix w{bench.type, bench.rows, bench.cols, weights.value.data() + turn++ % copies * bytes};
    pool.run([&](Worker& worker) {
      const auto [begin, end] = worker.share(bench.tokens, impl->token_multiple);
      if (begin < end)
        impl->pack(x.value.as<float>() + begin * bench.cols, bench.cols, bench.tokens, bench.cols, begin, end,
                   packed.value.data());
      worker.barrier();
      worker.for_chunks_ahead(bench.rows, worker.smallest_chunk(bench.rows, impl->row_multiple),
                              [&](Worker::Range rows, Worker::Range next) {
                                impl->run({&w,
                                           rows.begin,
                                           rows.end,
                                           packed.value.data(),
                                           bench.tokens,
                                           y.value.as<float>(),
                                           bench.rows,
                                           false,
                                           scratch[worker.index()].data(),
                                           {&w, next.begin, next.end}});
                              });
    });
  };
  KernelBenchResult result = measure(bench, call);
  result.bytes = static_cast<double>(bytes);
  result.operations = 2.0 * static_cast<double>(bench.rows) * static_cast<double>(bench.cols) *
                      static_cast<double>(bench.tokens);
  return result;
}

Result<KernelBenchResult> bench_attention(const KernelBench& bench, ThreadPool& pool) {
  constexpr size_t kGroupSize = 4;
  const size_t heads = bench.rows, head_dim = bench.cols, tokens = bench.tokens, context = bench.context;
  if (heads % kGroupSize != 0 || head_dim % 16 != 0 || tokens > context)
    return Status(Code::invalid, "Heads come in fours, widths in sixteens, tokens within the context");
  const AttentionImpl& attention = bench.kernels->attention;
  const size_t kv_heads = heads / kGroupSize;
  // Several caches in turn, as the layers of a model have theirs: one alone might stay in the processor's.
  const size_t cache = kv_heads * context * kv_row_bytes(KvType::f16, head_dim);
  const size_t copies = tokens == 1 ? std::max<size_t>(1, kWorkingSet / (2 * cache)) : 1;
  Result<Buffer> kv = Buffer::allocate(copies * 2 * cache);
  Result<Buffer> q = Buffer::allocate(tokens * heads * head_dim * sizeof(float));
  Result<Buffer> out = Buffer::allocate(tokens * heads * head_dim * sizeof(float));
  for (const Result<Buffer>* buffer : {&kv, &q, &out})
    if (!buffer->ok()) return buffer->status;
  std::vector<Buffer> scratch(pool.size());
  const size_t tile = std::min(tokens, attention.token_tile);
  for (Buffer& own : scratch)
    if (Status s = own.reserve(attention.scratch_bytes(context, tile, heads, head_dim)); !s.ok()) return s;
  fill(kv.value.data(), copies * 2 * cache);

  AttentionArgs shared{};
  shared.q = q.value.as<float>();
  shared.ldq = heads * head_dim;
  shared.first_pos = context - tokens;
  shared.heads = heads;
  shared.kv_heads = kv_heads;
  shared.head_dim = head_dim;
  shared.out = out.value.as<float>();
  shared.ldo = heads * head_dim;
  const size_t tiles = (tokens + tile - 1) / tile;
  size_t turn = 0;
  const auto call = [&] {
    uint8_t* keys = kv.value.data() + turn++ % copies * 2 * cache;
    shared.kv = {KvType::f16, context, keys, keys + cache};
    pool.run([&](Worker& worker) {
      worker.for_chunks(tiles * kv_heads, 1, [&](size_t begin, size_t end) {
        for (size_t item = begin; item < end; ++item) {
          AttentionArgs args = shared;
          args.head_begin = item % kv_heads * kGroupSize;
          args.head_end = args.head_begin + kGroupSize;
          args.token_begin = item / kv_heads * tile;
          args.token_end = std::min(args.token_begin + tile, tokens);
          args.scratch = scratch[worker.index()].data();
          attention.run(args);
        }
      });
    });
  };
  KernelBenchResult result = measure(bench, call);
  result.bytes = static_cast<double>(2 * cache);
  const double pairs = static_cast<double>(tokens) *
                       (static_cast<double>(shared.first_pos) + (static_cast<double>(tokens) + 1) / 2);
  result.operations = 4.0 * pairs * static_cast<double>(heads * head_dim);
  return result;
}

/// The bandwidth of memory: what streaming weights through once a token cannot exceed, however it is done.
/// One pattern of reading would understate it (by a fifth, in places), so each gets its share of the time and
/// the best median counts. Pages are those that kernels see: huge ones where the system gives them.
Result<KernelBenchResult> bench_read(const KernelBench& bench, ThreadPool& pool) {
  constexpr size_t kChunk = size_t{1} << 20, kStreams[] = {1, 2, 4};
  Result<Buffer> memory = Buffer::allocate(kReadSet);
  if (!memory.ok()) return memory.status;
  // Written, or all pages would be one page of zeros in the cache.
  std::memset(memory.value.data(), 1, kReadSet);
  std::atomic<uint64_t> sink{0};
  KernelBench part = bench;
  part.seconds /= std::size(kStreams) * 2;
  KernelBenchResult best;
  for (const size_t streams : kStreams) {
    const auto read = [&](size_t begin, size_t end) {
      const uint8_t* data = memory.value.data() + begin * kChunk;
      sink += bench.kernels->probe.read(data, (end - begin) * kChunk, streams);
    };
    const auto claimed = [&] {
      pool.run([&](Worker& worker) { worker.for_chunks(kReadSet / kChunk, 1, read); });
    };
    const auto shared = [&] {
      pool.run([&](Worker& worker) {
        const auto [begin, end] = worker.share(kReadSet / kChunk);
        read(begin, end);
      });
    };
    for (const std::function<void()>& call :
         {std::function<void()>(claimed), std::function<void()>(shared)}) {
      const KernelBenchResult result = measure(part, call);
      if (best.calls == 0 || result.median_seconds < best.median_seconds) best = result;
    }
  }
  best.bytes = kReadSet;
  return best;
}

Result<KernelBenchResult> bench_peak(const KernelBench& bench, ThreadPool& pool) {
  constexpr size_t kRounds = 100000;
  std::atomic<uint64_t> sink{0};
  double operations = 0;
  const auto call = [&] {
    pool.run([&](Worker& worker) {
      uint64_t own = 0;
      const double done = bench.kernels->probe.multiply_add(kRounds, &own);
      sink += own;
      if (worker.index() == 0) operations = done * worker.count();
    });
  };
  KernelBenchResult result = measure(bench, call);
  result.operations = operations;
  return result;
}

}  // namespace

Result<KernelBenchResult> run_kernel_bench(const KernelBench& bench) {
  constexpr size_t kMost = size_t{1} << 20;
  const bool shaped = bench.op == KernelBench::Op::matmul || bench.op == KernelBench::Op::attention;
  const auto outside = [](size_t value) { return value < 1 || value > kMost; };
  if (bench.op == KernelBench::Op::attention && outside(bench.context))
    return Status(Code::invalid, "The context must be between 1 and 2^20");
  if (shaped && (outside(bench.rows) || outside(bench.cols) || outside(bench.tokens)))
    return Status(Code::invalid, "Rows, cols and tokens must be between 1 and 2^20");
  ThreadPool pool(bench.threads);
  switch (bench.op) {
    case KernelBench::Op::matmul:
      return bench_matmul(bench, pool);
    case KernelBench::Op::attention:
      return bench_attention(bench, pool);
    case KernelBench::Op::read:
      return bench_read(bench, pool);
    case KernelBench::Op::peak:
      return bench_peak(bench, pool);
  }
  return Status(Code::internal, "Unknown op");
}

}  // namespace openelm
