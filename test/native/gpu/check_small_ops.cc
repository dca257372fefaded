// Embedding, RMS norm, the step to the next token, memory and recording.

#include <cstring>

#include "gpu/exact.h"
#include "gpu/subject.h"
#include "gpu/types.h"

namespace openelm::check {
namespace {

void check_embedding(Test& test, const Subject& s, DType type) {
  Random random(70);
  for (const size_t cols : {3, 64, 256, 768}) {
    if (cols % dtype_info(type).block_elements != 0) continue;
    constexpr size_t kRows = 9;
    const std::vector<uint8_t> table = random_matrix(type, kRows, cols, random);
    const std::vector<int32_t> ids{8, 0, 3, 3};
    const MatrixOnDevice on_table(test, s, type, kRows, cols, table.data());
    const OnDevice<int32_t> on_ids(s, ids);
    const OnDevice<float> x(s, ids.size() * cols);
    s.device.embed(*on_table, on_ids.at(), static_cast<uint32_t>(ids.size()), x.at());
    std::vector<float> actual = x.get(test);
    plant(s, actual, random.below(actual.size()));
    std::vector<float> expected(cols);
    for (size_t t = 0; t < ids.size(); ++t) {
      const uint8_t* row = table.data() + static_cast<size_t>(ids[t]) * row_bytes(type, cols);
      dequantize_row(type, row, expected.data(), cols);
      const std::vector<float> offsets = offsets_of_row(type, row, cols);
      for (size_t i = 0; i < cols; ++i) {
        const double bound = 4 * kUnit * (std::fabs(expected[i]) + 2 * std::fabs(offsets[i]));
        test.near(expected[i], actual[t * cols + i], bound,
                  [&] { return format("%zu cols, token %zu, element %zu", cols, t, i); });
      }
    }
  }
}

void check_rms_norm(Test& test, const Subject& s) {
  Random random(71);
  for (const size_t dim : {1, 31, 64, 100, 1280, 3072})
    for (const float spread : {1.0f, 1e-4f, 1000.0f}) {
      constexpr size_t kTokens = 3;
      constexpr float kEps = 1e-6f;
      const std::vector<float> x = random_floats(kTokens * dim, spread, random);
      const std::vector<float> weight = random_floats(dim, 1, random);
      const OnDevice<float> on_x(s, x), on_weight(s, weight), y(s, x.size());
      s.device.rms_norm(on_x.at(), on_weight.at(), kEps, static_cast<uint32_t>(dim), kTokens, y.at());
      std::vector<float> actual = y.get(test);
      plant(s, actual, random.below(actual.size()));
      for (size_t t = 0; t < kTokens; ++t) {
        const Normalized expected(x.data() + t * dim, weight.data(), kEps, dim);
        for (size_t i = 0; i < dim; ++i)
          test.near(expected.x[i], actual[t * dim + i], std::fabs(expected.x[i]) * expected.relative,
                    [&] { return format("dim %zu, token %zu, element %zu", dim, t, i); });
      }
    }
}

void check_advance(Test& test, const Subject& s) {
  constexpr uint32_t kTokens = 3, kK = 2;
  const OnDevice<gpu::Candidate> best(s, {{1, 7}, {0, 6}, {2, -1}, {0, -1}, {3, 31999}, {0, 1}});
  const OnDevice<int32_t> ids(s, std::vector<int32_t>(kTokens, -5));
  const OnDevice<gpu::BatchToken> list(s, {{1, 20, 3}, {2, 30, 0}, {uint64_t{1} << 60, 40, 9}});
  s.device.advance(best.at(), kK, kTokens, ids.at(), list.at());
  const std::vector<int32_t> next = ids.get(test);
  const std::vector<gpu::BatchToken> tokens = list.get(test);
  const int32_t expected_ids[] = {7, 0, s.plant ? 1 : 31999};
  const gpu::BatchToken expected[] = {{1, 20, 4}, {2, 30, 1}, {uint64_t{1} << 60, 40, 10}};
  for (size_t t = 0; t < kTokens; ++t) {
    test.expect(next[t] == expected_ids[t], [&] { return format("token %zu: id %d", t, next[t]); });
    test.expect(std::memcmp(&tokens[t], &expected[t], sizeof tokens[t]) == 0,
                [&] { return format("token %zu: list", t); });
  }
}

/// The same work, recorded once and replayed on other inputs.
void check_recording(Test& test, const Subject& s) {
  Random random(72);
  constexpr uint32_t kRows = 40, kCols = 64;
  const std::vector<uint8_t> data = random_matrix(DType::q8_0, kRows, kCols, random);
  test.expect(s.device.reserve(1, kCols, kRows, {1, 1, 16}, 64).ok(), [] { return std::string("reserve"); });
  const MatrixOnDevice w(test, s, DType::q8_0, kRows, kCols, data.data());
  OnDevice<float> x(s, random_floats(kCols, 1, random)), y(s, kRows), copied(s, kRows);
  const auto work = [&] {
    s.device.matmul(*w, x.at(), 1, 0, 0, y.at(), kRows, gpu::Store::set);
    s.device.copy(copied.at(), y.at(), kRows * sizeof(float));
  };
  work();  // before recording, as a pass is: what is set up at first use cannot be recorded
  (void)copied.get(test);
  const bool records = s.device.begin_recording();
  if (records) work();
  const auto recording = records ? s.device.end_recording() : nullptr;
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> from = random_floats(kCols, 1, random);
    x.set(from);
    if (recording)
      recording->replay();
    else
      work();
    std::vector<float> actual = copied.get(test);
    plant(s, actual, random.below(kRows));
    const Normalized exact(from.data(), nullptr, 0, kCols);
    for (size_t r = 0; r < kRows; ++r) {
      const Exact e =
          exact_product(DType::q8_0, data.data() + r * row_bytes(DType::q8_0, kCols), exact, Carried::planes);
      test.near(e.value, actual[r], e.bound, [&] { return format("replay %d, row %zu", i, r); });
    }
  }
}

void check_memory(Test& test, const Subject& s) {
  const size_t free = s.device.free_bytes();
  const Result<gpu::DevicePointer> too_much = s.device.allocate(s.device.info().total_bytes * 4);
  test.expect(!too_much.ok() && too_much.status.code() == Code::memory,
              [] { return std::string("too much"); });
  // Drivers keep some memory back, more or less of it from call to call.
  constexpr size_t kKept = size_t{64} << 20;
  test.expect(s.device.free_bytes() <= free + kKept,
              [] { return std::string("free bytes after a failure"); });
  const OnDevice<uint8_t> bytes(s, {1, 2, 3, 4, 5}), copied(s, 5);
  s.device.copy(copied.at(1), bytes.at(2), 3);
  const std::vector<uint8_t> actual = copied.get(test);
  test.expect(actual[1] == 3 && actual[2] == 4 && actual[3] == (s.plant ? 0 : 5),
              [] { return std::string("copy"); });
}

}  // namespace

void check_small_ops(Tap& tap, const Subject& s) {
  for (const DType type : kAllTypes)
    tap.run(format("%s embed %s", s.name.c_str(), dtype_info(type).name),
            [&](Test& test) { check_embedding(test, s, type); });
  tap.run(s.name + " rms_norm", [&](Test& test) { check_rms_norm(test, s); });
  tap.run(s.name + " advance", [&](Test& test) { check_advance(test, s); });
  tap.run(s.name + " recording", [&](Test& test) { check_recording(test, s); });
  tap.run(s.name + " memory", [&](Test& test) { check_memory(test, s); });
}

}  // namespace openelm::check
