#pragma once

// Timing of single kernels, and of the limits they are held against.

#include <cstddef>

#include "kernels/kernel_table.h"
#include "runtime/status.h"

namespace openelm {

struct KernelBench {
  enum class Op {
    matmul,     // weights [rows][cols] of a type, a batch of tokens
    attention,  // rows query heads of width cols, four to a kv head; `tokens` at the end of `context`
    read,       // memory: the bandwidth that decoding cannot exceed
    peak,       // the variant's multiply-add instruction on registers: what prefill cannot exceed
  };
  Op op = Op::matmul;
  const KernelTable* kernels = nullptr;
  DType type = DType::q8_0;
  size_t rows = 0, cols = 0, tokens = 0;
  size_t context = 0;  // attention only
  unsigned threads = 1;
  double seconds = 0.1;  // how long to measure
};

struct KernelBenchResult {
  double median_seconds = 0, min_seconds = 0;  // of one call
  size_t calls = 0;
  double bytes = 0;       // of weights or cache that one call reads
  double operations = 0;  // multiplications and additions of one call
};

/// Repeats the op until `seconds` have passed, on several matrices in turn so that no weights are left in the
/// caches. Reading is timed in several patterns, and the fastest counts. Fails with invalid for shapes that
/// the type does not allow, with memory when there is too little.
Result<KernelBenchResult> run_kernel_bench(const KernelBench& bench);

}  // namespace openelm
