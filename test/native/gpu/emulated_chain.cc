// Products of a chain on tensor cores, thread by thread on the host: bit for bit the sums of lanes of matvec.

#include <cstring>
#include <vector>

#include "gpu/cuda/chain_sums.cuh"
#include "gpu/emulated.h"

namespace openelm::gpu::cuda {
namespace {

constexpr uint32_t kTeams = 8;

/// What ChainSums asks of a machine, by the fiber that runs.
struct Machine {
  struct Team {
    static uint32_t lane() { return thread_index() % 32; }
  };
  struct Group {
    static Team team() { return {}; }
  };
  static Group group() { return {}; }
  static CrewOf crew() { return {0, 1, thread_index() / 32, kTeams}; }
};

/// `rows` rows in a slot that has room for slot_rows, of gate and up or of one matrix.
template <class Block>
bool check(uint32_t rows, uint32_t slot_rows, bool gated, uint32_t cols) {
  emulation::Random random(rows * 131 + cols);
  ChainProduct op = {};
  op.w.cols = cols;
  op.w.gated = gated;
  op.w.slot_rows = slot_rows;
  op.w.quant_bytes = cols / kGroup * Layout<Block>::kQuantBytes;
  op.w.scale_bytes = cols / kGroup * Layout<Block>::kScaleBytes;
  const uint32_t all = op.w.matrices() * slot_rows, scales_at = all * op.w.quant_bytes;
  std::vector<uint8_t> slot(scales_at + all * op.w.scale_bytes);
  for (uint32_t i = 0; i < scales_at; ++i) slot[i] = static_cast<uint8_t>(random.next());
  for (uint32_t i = scales_at; i < slot.size(); i += 2) {
    const uint16_t scale = float_to_half(random.symmetric());
    std::memcpy(&slot[i], &scale, sizeof scale);
  }

  const uint32_t panel = whole_panel<typename ActivationsOf<Block>::Type>(cols);
  std::vector<uint8_t> memory(ActivationsOf<Block>::Type::bytes(panel));
  const PlaneView x = plane_view(memory.data(), panel);
  for (uint32_t i = 0; i < 2 * panel; ++i) x.high[i] = static_cast<uint8_t>(random.next());
  for (uint32_t g = 0; g < panel / kGroup; ++g) {
    x.scales[g] = random.symmetric();
    if (ActivationsOf<Block>::Type::kSums)
      x.sums[g] = static_cast<float>(static_cast<int16_t>(random.next()));
  }

  std::vector<float> sums(kSlotRows * kRowLanes);
  emulation::Block block(kTeams * 32, cols);
  if (!block.run([&] { ChainSums<Block>(Machine(), op, x, panel).run(slot.data(), rows, sums.data()); }))
    return false;
  for (uint32_t m = 0; m < op.w.matrices(); ++m) {
    for (uint32_t r = 0; r < rows; ++r) {
      const uint32_t row = m * slot_rows + r;
      for (uint32_t lane = 0; lane < kRowLanes; ++lane) {
        float expected = 0;
        for (uint32_t col = lane * Piece<Block>::kColumns; col < cols;
             col += kRowLanes * Piece<Block>::kColumns)
          expected = Piece<Block>::take(slot.data() + row * op.w.quant_bytes,
                                        slot.data() + scales_at + row * op.w.scale_bytes, col)
                         .dot(memory.data(), panel, col, expected);
        if (std::memcmp(&expected, &sums[row * kRowLanes + lane], sizeof expected) != 0) return false;
      }
    }
  }
  return true;
}

template <class Block>
void check_type(const char* name) {
  bool ok = true;
  for (const uint32_t cols : {256u, 1280u, 3072u, 4352u}) {
    ok = ok && check<Block>(8, 8, false, cols) && check<Block>(3, 5, false, cols) &&
         check<Block>(1, 1, false, cols);
    ok = ok && check<Block>(4, 4, true, cols) && check<Block>(2, 3, true, cols);
  }
  emulation::report(ok, name);
}

}  // namespace

void check_chain_sums() {
  check_type<BlockQ8_0>("rows of a chain's slot, Q8_0");
  check_type<BlockQ4_0>("rows of a chain's slot, Q4_0");
}

}  // namespace openelm::gpu::cuda
