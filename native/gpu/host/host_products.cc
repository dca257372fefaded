// The products of the host device.

#include "gpu/bodies/matmul.h"
#include "gpu/bodies/matvec.h"
#include "gpu/host/host_launch.h"
#include "gpu/with_block.h"

namespace openelm::gpu::host {
namespace {

constexpr uint32_t kTileRows = 8, kTileTokens = 8;

/// Calls f with the number of tokens a kernel for few is compiled for. Types that multiply floats have two,
/// so that this file compiles in seconds.
template <class Block, class F>
void with_tokens(uint32_t n, F f) {
  if (n == 1) return f(std::integral_constant<uint32_t, 1>());
  if constexpr (ActivationsOf<Block>::Type::kIntegers) {
    if (n == 2) return f(std::integral_constant<uint32_t, 2>());
    if (n <= 4) return f(std::integral_constant<uint32_t, 4>());
  }
  f(std::integral_constant<uint32_t, 8>());
}

}  // namespace

template <class Block, uint32_t Tokens>
void HostDevice::few_tokens(MatvecArgs args) {
  using Shared = MatvecShared<Block, Tokens>;
  args.panel = Shared::panel(args.w.cols, options_.teams, options_.shared_bytes);
  if (args.panel == 0) return fail("no panel fits into shared memory");
  launch(options_.groups, Shared::bytes(args.panel, options_.teams),
         [args, count = options_.groups](HostGroup group, uint32_t index, uint8_t* shared) {
           matvec<Block, Tokens>(group, args, index, count, shared);
         });
}

template <class Block, uint32_t Tokens>
void HostDevice::few_tokens(GatedMatvecArgs args) {
  using Shared = MatvecShared<Block, Tokens>;
  args.panel = Shared::panel(args.gate.cols, options_.teams, options_.shared_bytes);
  if (args.panel == 0) return fail("no panel fits into shared memory");
  launch(options_.groups, Shared::bytes(args.panel, options_.teams),
         [args, count = options_.groups](HostGroup group, uint32_t index, uint8_t* shared) {
           gated_matvec<Block, Tokens>(group, args, index, count, shared);
         });
}

template <class Block>
void HostDevice::many_tokens(const MatmulArgs& args) {
  const uint32_t row_tiles = (args.w.rows + kTileRows - 1) / kTileRows;
  const uint32_t token_tiles = (args.tokens + kTileTokens - 1) / kTileTokens;
  launch(row_tiles * token_tiles, matmul_tile_bytes(kTileRows, kTileTokens),
         [args, row_tiles](HostGroup group, uint32_t index, uint8_t* shared) {
           matmul_tile<Block, kTileRows, kTileTokens>(group, args, index % row_tiles, index / row_tiles,
                                                      reinterpret_cast<float*>(shared));
         });
}

DevicePointer HostDevice::normalized(DevicePointer x, DevicePointer norm, float eps, uint32_t cols,
                                     uint32_t n) {
  if (!norm) return x;
  const DevicePointer y = scratch(normalized_, sizeof(float) * n * cols);
  if (y) rms_norm(x, norm, eps, cols, n, y);
  return y;
}

void HostDevice::matmul(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer norm, float eps,
                        DevicePointer y, uint32_t ldy, Store store) {
  if (chained(n, [&] { return chain_.add_product(w, x, norm, eps, y, store); })) return;
  const uint32_t add = store == Store::add;
  with_block(w.type, [&](auto tag) {
    using Block = typename decltype(tag)::Type;
    if (n > small_batch()) {
      const DevicePointer from = normalized(x, norm, eps, w.cols, n);
      if (from) many_tokens<Block>({reference_to(w), from, y, n, ldy, add, 0});
      return;
    }
    with_tokens<Block>(n, [&](auto tokens) {
      few_tokens<Block, tokens()>(MatvecArgs{reference_to(w), x, norm, y, n, ldy, add, 0, eps, 0});
    });
  });
}

void HostDevice::gated_matmul(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, uint32_t n,
                              DevicePointer norm, float eps, DevicePointer y) {
  if (chained(n, [&] { return chain_.add_gated(gate, up, x, norm, eps, y); })) return;
  with_block(gate.type, [&](auto tag) {
    using Block = typename decltype(tag)::Type;
    if (n <= small_batch() && gate.type == up.type) {
      with_tokens<Block>(n, [&](auto tokens) {
        few_tokens<Block, tokens()>(
            GatedMatvecArgs{reference_to(gate), reference_to(up), x, norm, y, n, 0, eps, 0});
      });
      return;
    }
    const DevicePointer products = scratch(products_, sizeof(float) * n * gate.rows);
    if (!products) return;
    matmul(gate, x, n, norm, eps, y, gate.rows, Store::set);
    matmul(up, x, n, norm, eps, products, gate.rows, Store::set);
    const SwigluArgs args{y, products, y, n * gate.rows, 0};
    launch(1, 0, [args](HostGroup group, uint32_t, uint8_t*) {
      for (uint32_t i = group.lane(); i < args.count; i += group.size()) swiglu(args, i);
    });
  });
}

}  // namespace openelm::gpu::host
