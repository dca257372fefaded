// The checks and the bench of GPU ops on an NVIDIA GPU; see build-cuda.mjs.
//
//   gpu_check [--quick] [FILTER]     TAP of the tests whose name contains FILTER
//   gpu_check --plant [FILTER]       the same with an error in every result: all checks of values must fail
//   gpu_check --bench [PART]         speeds; of one part: bench/bench.h

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gpu/bench/bench.h"
#include "gpu/cuda/create.h"
#include "gpu/subject.h"

int main(int argc, char** argv) {
  using namespace openelm;
  bool bench = false, quick = false, plant = false;
  std::string filter;
  for (int i = 1; i < argc; ++i) {
    const char* argument = argv[i];
    if (std::strcmp(argument, "--bench") == 0)
      bench = true;
    else if (std::strcmp(argument, "--quick") == 0)
      quick = true;
    else if (std::strcmp(argument, "--plant") == 0)
      plant = true;
    else
      filter = argument;
  }
  if (!bench) setenv("OPENELM_CUDA_CHAIN", "1", 0);  // the checks' models are small
  const Result<std::unique_ptr<gpu::Device>> device = gpu::create_cuda_device({});
  if (!device.ok()) {
    std::fprintf(stderr, "gpu_check: %s\n", device.status.message().c_str());
    return 1;
  }
  if (bench) {
    check::bench_device(*device.value, filter);
    return 0;
  }
  const check::Subject subject{*device.value, "cuda", quick, true, plant};
  check::Tap tap(filter);
  check::check_ops(tap, subject);
  check::check_chain(tap, subject);
  return tap.finish();
}
