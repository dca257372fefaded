// Checks every op of the compiled kernel variants and prints TAP.
//
//   kernel_check [--isa NAME] [--op NAME] [--quick]
//   kernel_check --bench [--isa NAME] [--op NAME] [--int8]
//
// --isa: one variant (default: every one this processor runs); it is a failure when it cannot run here.
// --op: only tests whose name contains NAME (matmul, attention, rms_norm, rope, swiglu, softmax, kv_store,
// vocabulary, quant).
// --quick: fewer shapes.
// --int8: speeds with 8-bit activations where there are kernels for them.
// --bench: prints speeds instead (default: of the best variant; --op as in bench.h).

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "bench.h"
#include "check.h"
#include "cpu/dispatch.h"

namespace openelm::check {

double sum_error(size_t n) {
  return kUnit * (6 * std::sqrt(static_cast<double>(n)) + 4);
}

namespace {

struct Options {
  std::string isa, op;
  bool quick = false, bench = false, int8 = false;
};

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0)
      options->quick = true;
    else if (std::strcmp(argv[i], "--bench") == 0)
      options->bench = true;
    else if (std::strcmp(argv[i], "--int8") == 0)
      options->int8 = true;
    else if (std::strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
      options->isa = argv[++i];
    else if (std::strcmp(argv[i], "--op") == 0 && i + 1 < argc)
      options->op = argv[++i];
    else
      return false;
  }
  return true;
}

int run(const Options& options) {
  if (options.bench) {
    const std::string isa = options.isa.empty() ? best_kernels().name : options.isa;
    const KernelTable* table = find_kernels(isa, options.int8);
    if (!table) std::printf("%s does not run here\n", isa.c_str());
    if (table) bench(*table, options.op);
    return table ? 0 : 1;
  }
  Tap tap(options.op);
  check_quant(tap, options.quick);
  size_t dispatched = 0;
  for (const Variant& variant : variants()) {
    if (!options.isa.empty() && options.isa != variant.table.name) continue;
    if (!variant.supported) {
      std::printf("# %s: compiled in, but this processor does not run it\n", variant.table.name);
      continue;
    }
    ++dispatched;
    for (const auto check : {check_matmul, check_gated, check_attention, check_rms_norm, check_rope,
                             check_swiglu, check_softmax, check_kv_store, check_vocabulary})
      check(tap, variant.table, options.quick);
    check_int8_matmul(tap, variant.int8, options.quick);
  }
  if (dispatched == 0) {
    std::printf("Bail out! no variant was run%s%s\n", options.isa.empty() ? "" : ": ", options.isa.c_str());
    return 1;
  }
  return tap.finish();
}

}  // namespace
}  // namespace openelm::check

int main(int argc, char** argv) {
  openelm::check::Options options;
  if (!openelm::check::parse(argc, argv, &options)) {
    std::fprintf(stderr, "usage: kernel_check [--bench] [--int8] [--isa NAME] [--op NAME] [--quick]\n");
    return 2;
  }
  return openelm::check::run(options);
}
