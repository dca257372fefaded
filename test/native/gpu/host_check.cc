// Checks every op of the host device, whose threads run the bodies of the GPU kernels, and prints TAP.
//
//   host_check [--op NAME] [--quick] [--group TEAMSxSIZE]... [--plant]
//
// --op: only tests whose name contains NAME (matmul, gated, attention, finish_heads, top_k, embed, …).
// --group: shapes of a group of threads (default 1x1, 2x4 and 1x32).
// --plant: an error in every result; every test has to fail.

#include <cstdio>
#include <cstring>

#include "gpu/host/host_device.h"
#include "gpu/subject.h"

namespace openelm::check {
namespace {

struct Options {
  std::string op;
  bool quick = false, plant = false;
  std::vector<gpu::host::HostOptions> groups;
};

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      options->quick = true;
    } else if (std::strcmp(argv[i], "--plant") == 0) {
      options->plant = true;
    } else if (std::strcmp(argv[i], "--op") == 0 && i + 1 < argc) {
      options->op = argv[++i];
    } else if (std::strcmp(argv[i], "--group") == 0 && i + 1 < argc) {
      gpu::host::HostOptions group;
      if (std::sscanf(argv[++i], "%ux%u", &group.teams, &group.team_size) != 2) return false;
      if (group.teams % 2 == 0) group.attention_teams = group.teams / 2;
      options->groups.push_back(group);
    } else {
      return false;
    }
  }
  if (options->groups.empty()) {
    options->groups.resize(3);
    options->groups[1].teams = 2;
    options->groups[1].team_size = 4;
    options->groups[2].team_size = 32;
  }
  return true;
}

int run(const Options& options) {
  Tap tap(options.op);
  for (const gpu::host::HostOptions& group : options.groups) {
    gpu::host::HostDevice device(group);
    const Subject subject{device, format("host %ux%u", group.teams, group.team_size), options.quick, false,
                          options.plant};
    check_ops(tap, subject);
    check_chain(tap, subject);
  }
  return tap.finish();
}

}  // namespace
}  // namespace openelm::check

int main(int argc, char** argv) {
  openelm::check::Options options;
  if (!openelm::check::parse(argc, argv, &options)) {
    std::fprintf(stderr, "usage: host_check [--op NAME] [--quick] [--group TEAMSxSIZE]... [--plant]\n");
    return 2;
  }
  return openelm::check::run(options);
}
