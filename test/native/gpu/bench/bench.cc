#include "gpu/bench/bench.h"

#include <algorithm>
#include <cstdio>
#include <initializer_list>

#include "gpu/bench/step.h"
#include "gpu/bench/timer.h"
#include "quant/kv_type.h"

namespace openelm::check {
namespace {

using gpu::DevicePointer;
using gpu::HeadShape;

/// More than any cache of a GPU.
constexpr size_t kBeyondCaches = size_t{256} << 20;
constexpr uint32_t kPositions = 2048;

struct Shape {
  const char* name;
  uint32_t rows, cols;
};
constexpr Shape kShapes[] = {
    {"270M qkv", 1152, 1280}, {"270M down", 1280, 2816}, {"270M logits", 32000, 1280}, {"3B qkv", 3840, 3072},
    {"3B out", 3072, 2560},   {"3B down", 3072, 7936},   {"3B logits", 32000, 3072},
};
constexpr Shape kGated[] = {{"270M gate+up", 2816, 1280}, {"3B gate+up", 7936, 3072}};

/// GB/s that memory moves at most: of a copy, or of a product that reads a GiB, which has no turns from
/// reading to writing.
double bandwidth_probe(Bench& bench) {
  constexpr size_t kBytes = size_t{1} << 30;
  constexpr uint32_t kRows = 32768, kCols = 4096;
  const DevicePointer from = bench.bytes(nullptr, kBytes), to = bench.bytes(nullptr, kBytes);
  const double copy = 2e-9 * static_cast<double>(kBytes) /
                      bench.seconds(4, [&](uint32_t) { bench.device.copy(to, from, kBytes); });
  bench.release_all();
  std::vector<gpu::DeviceMatrix> m = bench.matrices(DType::f32, kRows, kCols, kBytes);
  const DevicePointer x = bench.floats(kCols), y = bench.floats(kRows);
  const double product = 4e-9 * kRows * kCols / bench.seconds(4, [&](uint32_t i) {
    bench.device.matmul(m[i % m.size()], x, 1, 0, 0, y, kRows, gpu::Store::set);
  });
  bench.release(m);
  bench.release_all();
  return std::max(copy, product);
}

const char* name_of(DType type) {
  return dtype_info(type).name;
}

void bench_products(Bench& bench, double limit) {
  gpu::Device& device = bench.device;
  const DevicePointer x = bench.floats(size_t{8} * 32000), y = bench.floats(size_t{8} * 32000),
                      norm = bench.floats(8192);
  std::printf("%-13s %-6s  %s\n", "product", "type", "us (GB/s, % of reading) for 1, 2, 4, 8 tokens");
  const auto row = [&](const Shape& shape, DType type, bool gated) {
    std::vector<gpu::DeviceMatrix> m = bench.matrices(type, shape.rows, shape.cols, kBeyondCaches);
    const uint32_t count = static_cast<uint32_t>(m.size()), step = gated ? 2 : 1;
    const double bytes = static_cast<double>(row_bytes(type, shape.cols)) * shape.rows * step;
    std::printf("%-13s %-6s", shape.name, name_of(type));
    for (uint32_t n : {1u, 2u, 4u, 8u}) {
      const double s = bench.seconds(std::max(16u, count), [&](uint32_t i) {
        const gpu::DeviceMatrix& w = m[i * step % count];
        if (gated)
          device.gated_matmul(w, m[(i * step + 1) % count], x, n, norm, 1e-6f, y);
        else
          device.matmul(w, x, n, norm, 1e-6f, y, shape.rows, gpu::Store::set);
      });
      std::printf("  %6.2f (%4.0f %3.0f%%)", s * 1e6, bytes / s * 1e-9, bytes / s * 1e-7 / limit);
    }
    std::printf("\n");
    bench.release(m);
  };
  for (DType type : {DType::q8_0, DType::q4_0}) {
    for (const Shape& shape : kShapes) row(shape, type, false);
    for (const Shape& shape : kGated) row(shape, type, true);
  }
  for (DType type : {DType::q4_k, DType::q5_k, DType::q6_k, DType::f16, DType::bf16, DType::f32})
    row(kShapes[5], type, false);
  bench.release_all();
}

void bench_many(Bench& bench) {
  gpu::Device& device = bench.device;
  constexpr uint32_t kTokens = 2048;
  const DevicePointer x = bench.floats(size_t{kTokens} * 7936), y = bench.floats(size_t{kTokens} * 7936),
                      norm = bench.floats(8192);
  std::printf("%-13s %-6s  %s\n", "product", "type", "TFLOP/s for 16, 128, 512, 2048 tokens");
  const auto row = [&](const Shape& shape, DType type, bool gated) {
    std::vector<gpu::DeviceMatrix> m = bench.matrices(type, shape.rows, shape.cols, kBeyondCaches);
    const uint32_t count = static_cast<uint32_t>(m.size());
    std::printf("%-13s %-6s", shape.name, name_of(type));
    for (uint32_t n : {16u, 128u, 512u, kTokens}) {
      const double s = bench.seconds(8, [&](uint32_t i) {
        if (gated)
          device.gated_matmul(m[i % count], m[(i + 1) % count], x, n, norm, 1e-6f, y);
        else
          device.matmul(m[i % count], x, n, norm, 1e-6f, y, shape.rows, gpu::Store::set);
      });
      std::printf("  %7.1f", 2e-12 * shape.rows * shape.cols * n * (gated ? 2 : 1) / s);
    }
    std::printf("\n");
    bench.release(m);
  };
  for (DType type : {DType::q8_0, DType::q4_0, DType::f16}) {
    row(kShapes[3], type, false);
    row(kShapes[5], type, false);
    row(kGated[1], type, true);
  }
  bench.release_all();
}

/// A batch of `tokens` tokens that end at `position`, with their caches and, when they are several, their
/// tiles.
struct Attending {
  gpu::DeviceBatch batch;
  gpu::CacheLayout layout;
};

Attending attending(Bench& bench, const HeadShape& shape, KvType type, uint32_t tokens, uint32_t position,
                    bool tiled) {
  Attending a;
  const uint32_t row = static_cast<uint32_t>(kv_row_bytes(type, shape.head_dim));
  a.layout = {static_cast<uint32_t>(type), row, 0, shape.kv_heads};
  const std::vector<uint8_t> zeros(size_t{2} * shape.kv_heads * kPositions * row);
  const DevicePointer cache = bench.bytes(zeros.data(), zeros.size());
  std::vector<gpu::BatchToken> list;
  std::vector<gpu::AttentionTile> tiles;
  for (uint32_t t = 0; t < tokens; ++t)
    list.push_back({cache, kPositions, position - (tiled ? tokens - 1 - t : 0)});
  const uint32_t step = bench.device.attention_tile();
  for (uint32_t t = 0; tiled && t < tokens; t += step) tiles.push_back({t, std::min(step, tokens - t)});
  a.batch.tokens = tokens;
  a.batch.list = bench.bytes(list.data(), list.size() * sizeof(list[0]));
  if (tiled) a.batch.tiles = bench.bytes(tiles.data(), tiles.size() * sizeof(tiles[0]));
  a.batch.tile_count = static_cast<uint32_t>(tiles.size());
  a.batch.single_tokens = tiled ? 0 : tokens;
  a.batch.max_positions = kPositions;
  return a;
}

void bench_heads(Bench& bench) {
  struct Model {
    const char* name;
    HeadShape shape;
  };
  for (const Model& model : {Model{"270M", {16, 4, 64}}, Model{"3B", {20, 5, 128}}}) {
    const HeadShape& shape = model.shape;
    const uint32_t width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    const DevicePointer qkv = bench.floats(size_t{kPositions} * width),
                        out = bench.floats(size_t{kPositions} * width);
    const DevicePointer norm = bench.floats(shape.head_dim),
                        rope = bench.floats(size_t{kPositions} * shape.head_dim);
    for (KvType type : {KvType::f16, KvType::q8_0}) {
      std::printf("%-5s %-5s us:", model.name, type == KvType::f16 ? "f16" : "q8_0");
      const Attending one = attending(bench, shape, type, 1, 127, false),
                      deep = attending(bench, shape, type, 1, 1999, false);
      const Attending eight = attending(bench, shape, type, 8, 1999, false);
      std::printf("  finish_heads %.2f", 1e6 * bench.seconds(64, [&](uint32_t) {
        bench.device.finish_heads(qkv, shape, norm, norm, 1e-6f, rope, kPositions, one.batch, one.layout);
      }));
      const auto attend = [&](const char* name, const Attending& a, uint32_t calls) {
        std::printf("  %s %.2f", name, 1e6 * bench.seconds(calls, [&](uint32_t) {
          bench.device.attention(qkv, shape, a.batch, a.layout, out);
        }));
      };
      attend("attention 1 at 128", one, 64);
      std::printf("  both at once %.2f", 1e6 * bench.seconds(64, [&](uint32_t) {
        bench.device.fresh_attention(qkv, shape, norm, norm, 1e-6f, rope, kPositions, one.batch, one.layout,
                                     out);
      }));
      attend("1 at 2000", deep, 64);
      attend("8 at 2000", eight, 64);
      attend("512 at 512", attending(bench, shape, type, 512, 511, true), 8);
      attend("512 at 2048", attending(bench, shape, type, 512, 2047, true), 8);
      std::printf("\n");
    }
    bench.release_all();
  }
}

void bench_small(Bench& bench) {
  gpu::Device& device = bench.device;
  const DevicePointer logits = bench.floats(size_t{8} * 32000), x = bench.floats(8 * 3072),
                      weight = bench.floats(3072);
  const DevicePointer best = bench.bytes(nullptr, 1 << 16), list = bench.bytes(nullptr, 1 << 16);
  const std::vector<int32_t> zeros(64);
  const DevicePointer ids = bench.bytes(zeros.data(), zeros.size() * sizeof(zeros[0]));
  std::vector<gpu::DeviceMatrix> table = bench.matrices(DType::q8_0, 32000, 3072, 0);
  const auto show = [&](const char* name, const std::function<void(uint32_t)>& op) {
    std::printf("  %s %.2f", name, 1e6 * bench.seconds(64, op));
  };
  std::printf("us:");
  show("embed", [&](uint32_t) { device.embed(table[0], ids, 1, x); });
  show("rms_norm", [&](uint32_t) { device.rms_norm(x, weight, 1e-6f, 3072, 1, x); });
  show("argmax", [&](uint32_t) { device.top_k(logits, 32000, 1, 1, best); });
  show("top 40", [&](uint32_t) { device.top_k(logits, 32000, 1, 40, best); });
  show("argmax of 8", [&](uint32_t) { device.top_k(logits, 32000, 8, 1, best); });
  show("advance", [&](uint32_t) { device.advance(best, 1, 1, ids, list); });
  std::printf("\n");
  bench.release(table);
  bench.release_all();
}

}  // namespace

void bench_device(gpu::Device& device, const std::string& only) {
  Bench bench(device);
  bench.require(device.reserve(2048, 8192, 32000, HeadShape{24, 8, 128}, kPositions));
  const double limit = bandwidth_probe(bench);
  std::printf("%s (%s): memory reads %.0f GB/s\n", device.info().name.c_str(), device.info().details.c_str(),
              limit);
  const auto wanted = [&](const std::string& name) { return name.starts_with(only); };
  if (wanted("products")) bench_products(bench, limit);
  if (wanted("small")) bench_small(bench);
  if (wanted("heads")) bench_heads(bench);
  if (wanted("many")) bench_many(bench);
  if (wanted("steps")) bench_steps(bench, limit);
}

}  // namespace openelm::check
