// Probe, scalar: double multiply-adds, as the reference matmul does.

#include <cstring>

#include "kernels/variants.h"

namespace openelm {
namespace {

uint64_t read(const uint8_t* data, size_t bytes, size_t streams) {
  uint64_t sum[8] = {};
  const size_t part = bytes / streams;
  for (size_t i = 0; i < part; i += 256) {
    for (size_t stream = 0; stream < streams; ++stream) {
      uint64_t words[32];
      std::memcpy(words, data + stream * part + i, sizeof words);
      for (size_t j = 0; j < 32; ++j) sum[j % 8] += words[j];
    }
  }
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

double multiply_add(size_t rounds, uint64_t* sink) {
  double sums[8] = {};
  double factor = 0.5;
  for (size_t i = 0; i < rounds; ++i) {
    for (double& sum : sums) sum = sum * factor + 1.0;
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  *sink += static_cast<uint64_t>(total);
  return 2.0 * 8 * static_cast<double>(rounds);
}

}  // namespace

ProbeImpl probe_reference() {
  return {"double multiply and add", read, multiply_add};
}

}  // namespace openelm
