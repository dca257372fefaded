// Runs chains as CUDA's machine for them does, on a host, thread by thread, against the same ops one by one;
// prints TAP. What the instructions of bulk_copy.cuh, meeting.cuh and tensor_core.cuh do is emulated.

#include "gpu/cuda/chain.cuh"
#include "gpu/host/host_device.h"
#include "gpu/host/host_launch.h"
#include "gpu/subject.h"

namespace openelm::check {
namespace {

using namespace gpu::cuda;

/// Blocks, and their shared memory: an H100's, with room for an odd number of slots, and less.
struct Shape {
  uint32_t blocks;
  size_t shared_bytes;
};

gpu::host::HostOptions options_of(Shape shape) {
  gpu::host::HostOptions options;
  options.chains =
      gpu::host::ChainRunner{limits_of_chains(shape.blocks, shape.shared_bytes),
                             [shape](const gpu::ChainArgs& args, KvType kv_type, uint32_t head_dim) {
                               if (chain_shared_bytes(args) > shape.shared_bytes)
                                 misused("more shared memory than there is");
                               shared_bytes() = chain_shared_bytes(args);
                               std::vector<emulation::Block> blocks;
                               std::vector<emulation::Block*> all;
                               blocks.reserve(shape.blocks);
                               for (uint32_t i = 0; i < shape.blocks; ++i)
                                 all.push_back(&blocks.emplace_back(kChainThreads, args.count * 7 + i));
                               const bool ended = emulation::Block::run_together(all, [&] {
                                 ChainMachine machine(args);
                                 gpu::host::with_kv_type(kv_type, [&](auto type) {
                                   if (head_dim == 128)
                                     gpu::run_chain<decltype(type)::value, 128>(machine, args);
                                   else
                                     gpu::run_chain<decltype(type)::value, 64>(machine, args);
                                 });
                               });
                               if (!ended) misused("threads of a chain wait for each other for ever");
                             }};
  return options;
}

}  // namespace
}  // namespace openelm::check

int main() {
  using namespace openelm::check;
  Tap tap("");
  for (const Shape shape : {Shape{3, 232448}, Shape{5, 150000}}) {
    openelm::gpu::host::HostDevice device(options_of(shape));
    Subject subject{device, format("CUDA, %u blocks", shape.blocks), true};
    subject.same_bits = false;  // the host's teams add in another order
    check_chain(tap, subject);
  }
  return tap.finish();
}
