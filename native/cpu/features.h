#pragma once

#include <string>

namespace openelm {

/// What the processor has and the operating system saves on a context switch. Compiled without ISA flags.
struct CpuFeatures {
  bool avx2 = false;    // with FMA and F16C
  bool avx512 = false;  // F, BW, VL, DQ, VNNI
  bool amx = false;     // tiles with bf16, permitted by the OS, on top of avx512 with BF16
  bool neon = false;    // Advanced SIMD with dot product and half precision
};

/// Detected once a process.
const CpuFeatures& cpu_features() noexcept;

/// Cores, not hardware threads; at least 1.
unsigned physical_cores() noexcept;

}  // namespace openelm
