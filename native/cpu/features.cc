#include "cpu/features.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

#if defined(__linux__)
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#endif

namespace openelm {
namespace {

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
#if defined(_MSC_VER)
  int values[4];
  __cpuidex(values, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(values[0]), static_cast<uint32_t>(values[1]), static_cast<uint32_t>(values[2]),
       static_cast<uint32_t>(values[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

/// XCR0: the register sets the operating system saves.
uint64_t xgetbv() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

bool bit(uint32_t value, int index) {
  return ((value >> index) & 1u) != 0;
}

/// Linux hands out the 8 KiB of tile state only to processes that ask for it.
bool amx_permitted() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#elif defined(_WIN32)
  return true;
#else
  return false;
#endif
}

CpuFeatures detect() {
  CpuFeatures features;
  const uint32_t highest = cpuid(0, 0).eax;
  if (highest < 7) return features;
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
  const Registers seven_one = seven.eax >= 1 ? cpuid(7, 1) : Registers{};
  if (!bit(one.ecx, 27)) return features;  // OSXSAVE: XGETBV may be used
  const uint64_t saved = xgetbv();
  const bool ymm = (saved & 0x6) == 0x6;
  const bool zmm = (saved & 0xe6) == 0xe6;
  const bool tiles = (saved & 0x60000) == 0x60000;
  const bool fma = bit(one.ecx, 12), avx = bit(one.ecx, 28), f16c = bit(one.ecx, 29);
  const bool bmi2 = bit(seven.ebx, 8);
  features.avx2 = ymm && avx && fma && f16c && bmi2 && bit(seven.ebx, 5);
  features.avx512 = features.avx2 && zmm && bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) &&
                    bit(seven.ebx, 31) && bit(seven.ecx, 11);
  const bool avx512_bf16 = bit(seven_one.eax, 5);
  const bool amx_bf16 = bit(seven.edx, 22), amx_int8 = bit(seven.edx, 25);
  features.amx = features.avx512 && avx512_bf16 && tiles && amx_bf16 && amx_int8 && bit(seven.edx, 24) &&
                 amx_permitted();
  return features;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

CpuFeatures detect() {
  CpuFeatures features;
#if defined(__linux__)
  constexpr unsigned long kDotProduct = 1ul << 20, kHalf = 1ul << 10;  // HWCAP_ASIMDDP, HWCAP_ASIMDHP
  const unsigned long capabilities = getauxval(AT_HWCAP);
  features.neon = (capabilities & kDotProduct) != 0 && (capabilities & kHalf) != 0;
#elif defined(__APPLE__)
  const auto has = [](const char* name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
  };
  features.neon = has("hw.optional.arm.FEAT_DotProd") && has("hw.optional.arm.FEAT_FP16");
#elif defined(_WIN32)
  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE. Older Windows has no name for half precision, but no core with dot
  // products was made without it.
  constexpr DWORD kDotProduct = 43;
  features.neon = IsProcessorFeaturePresent(kDotProduct) != 0;
#endif
  return features;
}

#else

CpuFeatures detect() {
  return {};
}

#endif

#if defined(__linux__)

/// One integer of a sysfs file, or -1.
long read_number(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (!file) return -1;
  long value = -1;
  if (std::fscanf(file, "%ld", &value) != 1) value = -1;
  std::fclose(file);
  return value;
}

unsigned count_cores() {
  std::set<std::pair<long, long>> cores;  // package, core
  const std::string root = "/sys/devices/system/cpu/cpu";
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) {
    const std::string topology = root + std::to_string(i) + "/topology/";
    const long core = read_number(topology + "core_id");
    if (core < 0) return threads;
    cores.emplace(read_number(topology + "physical_package_id"), core);
  }
  return static_cast<unsigned>(cores.size());
}

#elif defined(__APPLE__)

unsigned count_cores() {
  // Efficiency cores slow every barrier down, so the performance cores are what counts where they are told
  // apart.
  for (const char* name : {"hw.perflevel0.physicalcpu", "hw.physicalcpu"}) {
    int count = 0;
    size_t size = sizeof count;
    if (sysctlbyname(name, &count, &size, nullptr, 0) == 0 && count > 0) return static_cast<unsigned>(count);
  }
  return std::thread::hardware_concurrency();
}

#else

unsigned count_cores() {
  return std::thread::hardware_concurrency();
}

#endif

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

unsigned physical_cores() noexcept {
  static const unsigned cores = std::max(1u, count_cores());
  return cores;
}

}  // namespace openelm
