// Speed of one variant's kernels on OpenELM-270M shapes, against what the processor can do: kernel_check
// --bench. A number for whoever tunes kernels; nothing is checked and nothing fails on it.

#include "bench.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "memory.h"
#include "random.h"
#include "weights.h"

namespace openelm::check {
namespace {

/// Processor time of this thread: what other programs take does not count.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Seconds of call(0), call(1)…, called for about 0.3 s: the fastest tenth is what the machine does when
/// nothing else disturbs its caches.
double seconds(const std::function<void(size_t)>& call) {
  std::vector<double> times;
  double total = 0;
  for (size_t i = 0; i < 3 || (total < 0.3 && i < 20000); ++i) {
    const double start = thread_seconds();
    call(i);
    times.push_back(thread_seconds() - start);
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

/// Sum of rate(0), rate(1)… of threads running at once.
double on_threads(size_t threads, const std::function<double(size_t)>& rate) {
  std::vector<double> rates(threads);
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back([&, i] { rates[i] = rate(i); });
  rates[0] = rate(0);
  for (std::thread& other : others) other.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

/// GB/s of reading memory once, larger than any cache, in pieces of the size of a weight matrix.
double read_bandwidth(size_t threads) {
  constexpr size_t kWords = (size_t{160} << 20) / 8, kPiece = (size_t{3} << 20) / 8;
  const Guarded memory(kWords * 8, 64);
  std::vector<uint64_t> sums(threads * 8);
  return on_threads(threads, [&](size_t thread) {
    const double time = seconds([&](size_t call) {
      const uint64_t* p = memory.as<uint64_t>() + (2 * call + thread) * kPiece % (kWords - kPiece) / 8 * 8;
      uint64_t sum[8] = {};
      for (size_t i = 0; i < kPiece; i += 8)
        for (size_t j = 0; j < 8; ++j) sum[j] += p[i + j];
      for (size_t j = 0; j < 8; ++j) sums[thread * 8] += sum[j];
    });
    return kPiece * 8 / time / 1e9;
  });
}

/// Each thread takes all rows of a matrix of its own, out of enough of them that weights come from memory, as
/// they do between two tokens of a model.
void bench_matmul(const KernelTable& table, DType type, size_t rows, size_t cols, size_t tokens,
                  size_t threads) {
  const MatmulImpl* impl = table.matmul(type, tokens);
  const size_t bytes = rows * row_bytes(type, cols);
  const size_t copies = tokens <= 4 ? std::max<size_t>(1, (size_t{160} << 20) / bytes) : threads;
  Random random(1);
  Guarded weights(bytes * copies), x(tokens * cols * 4, 64);
  Guarded packed(impl->packed_bytes(tokens, cols), 64);
  for (size_t r = 0; r < rows; ++r)
    random_row(type, Scales::ordinary, random, weights.data() + r * row_bytes(type, cols), cols);
  for (size_t i = 1; i < copies; ++i) std::copy_n(weights.data(), bytes, weights.data() + i * bytes);
  for (size_t i = 0; i < tokens * cols; ++i) x.as<float>()[i] = random.normal();

  const double packing =
      seconds([&](size_t) { impl->pack(x.as<float>(), cols, tokens, cols, 0, tokens, packed.data()); });
  const double rate = on_threads(threads, [&](size_t thread) {
    Guarded scratch(impl->scratch_bytes(tokens, cols), 64), y(tokens * rows * 4, 64);
    return 1 / seconds([&](size_t call) {
             const WeightMatrix w{type, rows, cols,
                                  weights.data() + (call * threads + thread) % copies * bytes};
             impl->run({&w, 0, rows, packed.data(), tokens, y.as<float>(), rows, false, scratch.data()});
           });
  });
  std::printf("%-18s %6zu x %5zu %4zu tokens %zu threads: %8.1f GOP/s %7.2f GB/s, packing %4.1f %%\n",
              impl->name, rows, cols, tokens, threads,
              2e-9 * static_cast<double>(rows * cols * tokens) * rate,
              1e-9 * static_cast<double>(bytes) * rate, 100 * packing * rate / static_cast<double>(threads));
  std::fflush(stdout);
}

void bench_attention(const KernelTable& table, KvType type, size_t positions, size_t tokens) {
  constexpr size_t kHeads = 16, kKvHeads = 4, kHeadDim = 64;
  const size_t bytes = kKvHeads * positions * kv_row_bytes(type, kHeadDim);
  Guarded k(bytes, 64), v(bytes, 64), q(tokens * kHeads * kHeadDim * 4, 64), out(q.size(), 64);
  Guarded scratch(
      table.attention.scratch_bytes(positions, table.attention.token_tile, kHeads / kKvHeads, kHeadDim), 64);
  Random random(2);
  std::vector<float> vector(kHeadDim);
  for (const Guarded* cache : {&k, &v})
    for (size_t i = 0; i < kKvHeads * positions; ++i) {
      for (float& value : vector) value = random.normal();
      table.kv_store(vector.data(), kHeadDim, type, cache->data() + i * kv_row_bytes(type, kHeadDim));
    }
  for (size_t i = 0; i < tokens * kHeads * kHeadDim; ++i) q.as<float>()[i] = random.normal();
  AttentionArgs args{q.as<float>(),
                     kHeads * kHeadDim,
                     {type, positions, k.data(), v.data()},
                     positions - tokens,
                     kHeads,
                     kKvHeads,
                     kHeadDim,
                     0,
                     0,
                     0,
                     0,
                     out.as<float>(),
                     kHeads * kHeadDim,
                     scratch.data()};
  const double time = seconds([&](size_t) {
    for (size_t h = 0; h < kHeads; h += kHeads / kKvHeads)
      for (size_t t = 0; t < tokens; t += table.attention.token_tile) {
        args.head_begin = h;
        args.head_end = h + kHeads / kKvHeads;
        args.token_begin = t;
        args.token_end = std::min(tokens, t + table.attention.token_tile);
        table.attention.run(args);
      }
  });
  const double pairs = static_cast<double>(tokens) *
                       (static_cast<double>(positions - tokens) + static_cast<double>(tokens + 1) / 2);
  std::printf("attention kv %u %5zu positions %4zu tokens 1 thread: %8.1f GFLOP/s %7.2f GB/s, %8.1f us\n",
              static_cast<unsigned>(type), positions, tokens, 4 * pairs * kHeads * kHeadDim / time / 1e9,
              2 * static_cast<double>(bytes) / time / 1e9, time * 1e6);
  std::fflush(stdout);
}

/// Nanoseconds an element of the ops that are not products.
void bench_vectors(const KernelTable& table) {
  constexpr size_t kSize = 5120;
  Guarded a(kSize * 4, 64), b(kSize * 4, 64), y(kSize * 4, 64);
  Random random(3);
  for (size_t i = 0; i < kSize; ++i) {
    a.as<float>()[i] = random.normal();
    b.as<float>()[i] = random.normal();
  }
  const auto report = [](const char* name, const std::function<void()>& call) {
    constexpr int kTimes = 100;
    const double time = seconds([&](size_t) {
      for (int i = 0; i < kTimes; ++i) call();
    });
    std::printf("%-10s %6.3f ns an element\n", name, time / kTimes / kSize * 1e9);
  };
  report("rms_norm", [&] { table.rms_norm(a.as<float>(), b.as<float>(), 1e-6f, kSize, y.as<float>()); });
  report("swiglu", [&] { table.swiglu(a.as<float>(), b.as<float>(), kSize, y.as<float>()); });
  report("softmax", [&] { table.softmax(y.as<float>(), kSize); });
  report("rope", [&] { table.rope(y.as<float>(), a.as<float>(), b.as<float>(), kSize / 64, 64); });
  report("kv f16", [&] { table.kv_store(a.as<float>(), kSize, KvType::f16, y.data()); });
}

}  // namespace

void bench(const KernelTable& table, const std::string& what) {
  const bool all = what.empty();
  for (const size_t threads : {1, 2})
    if (all || what == "probe")
      std::printf("read bandwidth, %zu threads: %.2f GB/s\n", threads, read_bandwidth(threads));
  for (const DType type : kAllTypes) {
    if (!all && what != dtype_info(type).name && what != "matmul") continue;
    for (const size_t threads : {1, 2})
      for (const size_t tokens : {1, 2, 4}) bench_matmul(table, type, 2560, 1280, tokens, threads);
    for (const size_t tokens : {8, 16, 64, 128, 512}) bench_matmul(table, type, 1280, 1280, tokens, 1);
    bench_matmul(table, type, 10240, 1280, 128, 1);
    bench_matmul(table, type, 1280, 5120, 128, 1);
    bench_matmul(table, type, 1280, 5120, 1, 1);
    bench_matmul(table, type, 10240, 1280, 512, 2);
  }
  if (all || what == "attention")
    for (const KvType type : {KvType::f16, KvType::q8_0})
      for (const size_t tokens : {1, 32, 512})
        for (const size_t positions : {512, 2048}) bench_attention(table, type, positions, tokens);
  if (all || what == "vectors") bench_vectors(table);
}

}  // namespace openelm::check
