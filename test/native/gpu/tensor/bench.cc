// Speeds of the tensor-core kernels for the matrices of OpenELM 3B and 270M.

#include <algorithm>

#include "gpu/attention_problem.h"
#include "gpu/cuda/gemm.h"
#include "gpu/cuda/gemm_inputs.h"
#include "gpu/cuda/gemm_tiles.h"
#include "gpu/cuda/prefill_attention.h"
#include "gpu/tensor/matrix.h"

namespace openelm::gpu::cuda {
namespace {

struct Shape {
  const char* name;
  uint32_t rows, cols;
  bool gated;
};

const Shape kShapes[] = {{"3B qkv", 4608, 3072, false},      {"3B out", 3072, 3072, false},
                         {"3B gate, up", 6144, 3072, true},  {"3B down", 3072, 6144, false},
                         {"270M qkv", 1920, 1280, false},    {"270M gate, up", 2560, 1280, true},
                         {"270M logits", 32000, 1280, false}};

double operations(const Shape& s, uint32_t n) {
  return 2.0 * n * s.rows * s.cols * (s.gated ? 2 : 1);
}

/// What a call reaches, in TFLOP/s; 0 where it does not run.
template <class Call>
double speed_of(const Shape& s, uint32_t n, Call call) {
  if (call() != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return operations(s, n) / seconds_of(call) * 1e-12;
}

/// The bf16 product alone in each tile, the product from quants, then the whole op from f32 activations and
/// Q8_0 weights, dequantized in panels of several sizes.
void bench_product(const Shape& s, uint32_t n, size_t first_tile) {
  emulation::Random random(1);
  const TestMatrix gate(DType::q8_0, s.rows, s.cols, 1), up(DType::q8_0, s.rows, s.cols, 2);
  const Array<float> x(random_floats(size_t{n} * s.cols, 1, random)), norm(random_floats(s.cols, 1, random));
  const Array<float> y(size_t{n} * s.rows);
  const Array<uint16_t> x_bf16(size_t{n} * s.cols), w_bf16(size_t{s.rows} * s.cols),
      up_bf16(size_t{s.rows} * s.cols);
  require(convert_activations(x.data(), n, s.cols, nullptr, 0, x_bf16.data(), s.cols, nullptr), "convert");
  require(dequantize_rows(gate.device(), 0, s.rows, s.cols, w_bf16.data(), nullptr), "dequantize");
  require(dequantize_rows(up.device(), 0, s.rows, s.cols, up_bf16.data(), nullptr), "dequantize");

  GemmArgs args = {};
  args.x = x_bf16.data();
  args.w = w_bf16.data();
  args.up = up_bf16.data();
  args.n = n;
  args.rows = s.rows;
  args.ld = s.cols;
  args.y = y.data();
  args.ldy = s.rows;
  std::printf("%-13s %4u ", s.name, n);
  const auto chip = static_cast<uint32_t>(multiprocessors());
  const size_t chosen = choose_gemm_tile(n, s.rows * (s.gated ? 2 : 1), chip, first_tile);
  for (size_t i = 0; i < kGemmTileCount; ++i) {
    const double speed = speed_of(s, n, [&] {
      return static_cast<cudaError_t>(launch_gemm_tile(gemm_tile(i), args, s.gated, nullptr));
    });
    std::printf(" %5.0f%s", speed, i == chosen ? "*" : " ");
  }
  FewArgs few = {};
  few.product = args;
  for (int i = 0; i < 2; ++i) {
    const DeviceMatrix m = (i == 0 ? gate : up).device();
    few.quants[i] = reinterpret_cast<const uint8_t*>(m.quants);
    few.scales[i] = reinterpret_cast<const uint16_t*>(m.scales);
  }
  std::printf(" |%4.0f |", speed_of(s, n, [&] {
                return static_cast<cudaError_t>(launch_gemm_few(few, false, s.gated, nullptr));
              }));
  const size_t all = 4 * size_t{s.rows} * s.cols;
  const Array<uint8_t> x_space(gemm_activation_bytes(n, s.cols)), w_space(all);
  GemmOutput out;
  out.y = y.data();
  out.ldy = s.rows;
  for (const size_t mebibytes : {16u, 32u, 64u, 256u}) {
    const GemmWorkspace space = {x_space.data(), w_space.data(), std::min(all, mebibytes << 20),
                                 multiprocessors(), first_tile};
    std::printf("%4.0f ", speed_of(s, n, [&] {
                  return s.gated ? gated_gemm(gate.device(), up.device(), x.data(), n, norm.data(), 1e-6f,
                                              out, space, nullptr)
                                 : gemm(gate.device(), x.data(), n, norm.data(), 1e-6f, out, space, nullptr);
                }));
  }
  std::printf("\n");
}

void bench_inputs() {
  const TestMatrix q8(DType::q8_0, 6144, 3072, 1), q4(DType::q4_k, 6144, 3072, 1);
  const Array<uint16_t> w(size_t{6144} * 3072), x_bf16(size_t{2048} * 3072);
  const Array<float> x(size_t{2048} * 3072);
  for (const auto* m : {&q8, &q4}) {
    const double seconds =
        seconds_of([&] { return dequantize_rows(m->device(), 0, 6144, 3072, w.data(), nullptr); });
    const double bytes = 6144 * (3072 * 2.0 + static_cast<double>(row_bytes(m->device().type, 3072)));
    std::printf("dequantize %s 6144 x 3072: %.1f us, %.0f GB/s\n", dtype_info(m->device().type).name,
                seconds * 1e6, bytes / seconds * 1e-9);
  }
  const double seconds = seconds_of([&] {
    return convert_activations(x.data(), 2048, 3072, x.data(), 1e-6f, x_bf16.data(), 3072, nullptr);
  });
  std::printf("norm and convert 2048 x 3072: %.1f us\n", seconds * 1e6);
}

void bench_attention(const HeadShape& shape, KvType type, uint32_t n) {
  const auto row = static_cast<uint32_t>(kv_row_bytes(type, shape.head_dim));
  const uint32_t ldq = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  const Array<uint8_t> cache(std::vector<uint8_t>(size_t{2} * shape.kv_heads * n * row, 0));
  const Array<float> q(std::vector<float>(size_t{n} * ldq, 0.0f)),
      out(size_t{n} * shape.heads * shape.head_dim);
  std::vector<BatchToken> list;
  std::vector<AttentionTile> tiles;
  for (uint32_t t = 0; t < n; ++t) list.push_back({cache.address(), n, t});
  for (uint32_t t = 0; t < n; t += 64) tiles.push_back({t, std::min(64u, n - t)});
  const Array<BatchToken> list_there(list);
  const Array<AttentionTile> tiles_there(tiles);
  const double seconds = seconds_of([&] {
    return prefill_attention(q.data(), ldq, shape, list_there.data(), tiles_there.data(),
                             static_cast<uint32_t>(tiles.size()),
                             {static_cast<uint32_t>(type), row, 0, shape.kv_heads}, out.data(), nullptr);
  });
  const double operations = 4.0 * n * (n + 1) / 2 * shape.heads * shape.head_dim;
  std::printf("attention %s, %u heads of %u, n %u: %.1f us, %.0f TFLOP/s\n", kv_type_name(type), shape.heads,
              shape.head_dim, n, seconds * 1e6, operations / seconds * 1e-12);
}

}  // namespace

void bench_tensor_kernels(size_t first_tile) {
  std::printf(
      "\nTFLOP/s: bf16 product by tile, tokens x weight rows (* chosen; the first %zu are warpgroups') | "
      "from q8_0 "
      "directly\n| whole op from f32 and q8_0 in panels of 16, 32, 64, 256 MiB (n <= %u: directly)\n%19s",
      kWarpgroupTileCount, kFewTokens, "");
  for (size_t i = 0; i < kGemmTileCount; ++i)
    std::printf(" %3ux%-3u", gemm_tile(i).tokens, gemm_tile(i).rows);
  std::printf("\n");
  for (const Shape& shape : kShapes) {
    for (const uint32_t n : {16u, 64u, 128u, 256u, 512u, 2048u}) bench_product(shape, n, first_tile);
  }
  bench_inputs();
  for (const uint32_t n : {512u, 2048u}) {
    bench_attention({24, 6, 128}, KvType::f16, n);
    bench_attention({20, 5, 64}, KvType::f16, n);
  }
  bench_attention({24, 6, 128}, KvType::q8_0, 2048);
  bench_attention({24, 6, 128}, KvType::f32, 2048);
}

}  // namespace openelm::gpu::cuda
