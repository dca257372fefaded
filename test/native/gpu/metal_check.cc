// The checks of GPU ops on an Apple GPU, or on the stand-ins of metal-shim; prints TAP.
//
//   metal_check [--quick] [--plant] [FILTER]     tests whose name contains FILTER; --plant: an error in every
//   result

#include <cstdio>
#include <cstring>

#include "gpu/metal/create.h"
#include "gpu/subject.h"

int main(int argc, char** argv) {
  using namespace openelm;
  bool quick = false, plant = false;
  std::string filter;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0)
      quick = true;
    else if (std::strcmp(argv[i], "--plant") == 0)
      plant = true;
    else
      filter = argv[i];
  }
  const Result<std::unique_ptr<gpu::Device>> device = gpu::create_metal_device({});
  if (!device.ok()) {
    std::fprintf(stderr, "metal_check: %s\n", device.status.message().c_str());
    return 1;
  }
  const bool bf16 = device.value->info().details.find("bf16") != std::string::npos;
  const check::Subject subject{*device.value, bf16 ? "metal bf16" : "metal f32", quick, bf16, plant};
  check::Tap tap(filter);
  check::check_ops(tap, subject);
  return tap.finish();
}
