#pragma once

// The limits that kernels are measured against: how fast a variant's instructions can read memory and
// multiply.

#include <cstddef>
#include <cstdint>

namespace openelm {

struct ProbeImpl {
  /// The multiply-add instruction that the variant's batch matmul lives on, such as "vpmaddwd".
  const char* instruction;
  /// Reads every byte, as `streams` equal parts side by side, 256 bytes of each in turn: processors differ in
  /// how many streams their prefetchers follow best. The value only keeps the reads from being dropped.
  /// `bytes` is a multiple of 256 * streams, data 64-byte aligned.
  uint64_t (*read)(const uint8_t* data, size_t bytes, size_t streams);
  /// Issues that instruction `rounds` times on enough independent registers to hide its latency, with nothing
  /// read from memory. Returns the multiplications and additions done, each counted as one.
  double (*multiply_add)(size_t rounds, uint64_t* sink);
};

}  // namespace openelm
