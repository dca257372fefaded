#include "gpu/host/host_chain.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "gpu/bodies/chain.h"
#include "gpu/bodies/pieces.h"
#include "gpu/host/host_launch.h"

namespace openelm::gpu::host {
namespace {

/// Part of a group in attention.
struct HostPart {
  HostGroup group;
  uint32_t parts;

  uint32_t size() const { return group.size() / parts; }
  uint32_t lane() const { return group.lane() % size(); }
  HostTeam team() const { return group.team(); }
  uint32_t teams() const { return group.teams() / parts; }
  uint32_t team_index() const { return group.team_index() % teams(); }
};

/// Rows of a slot by loops: a lane takes some rows, a team some of the sums of each, of which there are as
/// many as teams have lanes.
template <class Block>
struct HostSums {
  template <class Machine>
  HostSums(const Machine& machine, const ChainProduct& op, PlaneView view, uint32_t panel_columns)
      : team(machine.group().team()), crew(machine.crew()), w(op.w), x(view), panel(panel_columns) {}

  void run(const uint8_t* slot, uint32_t rows, float* out) const {
    constexpr uint32_t kColumns = Piece<Block>::kColumns;
    for (uint32_t m = 0; m < (w.gated ? 2 : 1); ++m) {
      for (uint32_t r = team.lane(); r < rows; r += team.size()) {
        const uint32_t row = m * w.slot_rows + r;
        const uint8_t* quants = slot + row * w.quant_bytes;
        const uint8_t* scales = slot + scales_in_slot(w) + row * w.scale_bytes;
        for (uint32_t lane = crew.team; lane < team.size(); lane += crew.teams) {
          float sum = 0;
          for (uint32_t col = lane * kColumns; col < w.cols; col += team.size() * kColumns)
            sum = Piece<Block>::take(quants, scales, col).dot(x.high, panel, col, sum);
          out[row * kRowLanes + lane] = sum;
        }
      }
    }
  }

  HostTeam team;
  CrewOf crew;
  const ChainWeights& w;
  PlaneView x;
  uint32_t panel;
};

/// One thread's view of its group: bodies/chain.h says what these are.
struct ChainThreadMachine {
  enum : bool { kAnySize = true };
  template <class Block>
  using SlotSums = HostSums<Block>;
  HostGroup threads;
  ChainGroup& memory;
  const ChainArgs& chain;
  uint32_t number, count, parts;
  uint32_t rows_waited = 0;  // how often the thread waited for rows

  static void start_op() {}
  HostGroup group() const { return threads; }
  uint32_t index() const { return number; }
  uint32_t groups() const { return count; }
  PartOf<kPartQueries, HostPart> part() const {
    const HostPart part{threads, parts};
    return {part, threads.team_index() / part.teams(), parts};
  }
  uint32_t ops() const { return chain.count; }
  ChainWeights* weights() const { return memory.weights.data(); }
  ChainOp* op(uint32_t i) const { return &memory.ops[i % 2]; }
  uint8_t* panel() const { return reinterpret_cast<uint8_t*>(memory.panel.data()); }
  float* squares() const { return memory.squares.data(); }
  uint8_t* rows() const { return panel() + parts * chain.part_bytes; }

  uint32_t slots() const { return chain.slots; }
  CrewOf crew() const {
    const uint32_t teams = threads.teams() / parts;
    return {threads.team_index() / teams, parts, threads.team_index() % teams, teams};
  }
  float* sums(uint32_t slot) const { return memory.sums[slot]; }
  float* totals() const { return memory.totals.data() + threads.team_index() * kSlotRows; }
  FillPlace* fills() const { return memory.fills; }
  const uint8_t* wait_filled(SlotTurn at_slot) const {
    while (memory.filled[at_slot.slot].load(std::memory_order_acquire) % 2 == at_slot.turn)
      std::this_thread::yield();
    return slot(at_slot.slot);
  }
  void leave_slot(uint32_t slot) const {
    threads.team().barrier();
    if (threads.team().lane() == 0) memory.read[slot].fetch_add(1, std::memory_order_acq_rel);
  }
  void wait_read(SlotTurn at_slot) const {
    while (memory.read[at_slot.slot].load(std::memory_order_acquire) / crew().teams % 2 == at_slot.turn)
      std::this_thread::yield();
  }
  void wait_rows() {
    while (memory.rows_filled.load(std::memory_order_acquire) <= rows_waited) std::this_thread::yield();
    ++rows_waited;
  }

  void arrive() const {
    threads.barrier();
    if (threads.lane() == 0) come().fetch_add(1, std::memory_order_release);
  }
  void meet(uint32_t ops) const {
    if (threads.lane() == 0)
      while (come().load(std::memory_order_acquire) < ops * count) std::this_thread::yield();
    threads.barrier();
  }
  void leave() const {
    if (threads.lane() != 0) return;
    std::atomic_ref<uint32_t> left(*(at<uint32_t>(chain.meetings) + kMeetingBytes / 8));
    if (left.fetch_add(1, std::memory_order_acq_rel) + 1 != count) return;
    left.store(0);
    come().store(0);
  }

  void expect(uint32_t slot, uint32_t bytes) const { memory.expected[slot] = bytes; }
  void copy(uint32_t to, uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    uint32_t& expected = memory.expected[to];
    if (bytes > expected || offset + bytes > kHostSlotBytes) fail("a chain copies what it has no room for");
    std::memcpy(slot(to) + offset, from, bytes);
    expected -= bytes;
    if (expected == 0) memory.filled[to].fetch_add(1, std::memory_order_release);
  }
  void expect_rows(uint32_t bytes) const {
    memory.rows_expected = bytes;
    if (bytes == 0) memory.rows_filled.fetch_add(1, std::memory_order_release);
  }
  void copy_rows(uint32_t offset, const uint8_t* from, uint32_t bytes) const {
    if (bytes > memory.rows_expected) fail("a chain copies rows that it did not announce");
    std::memcpy(rows() + offset, from, bytes);
    memory.rows_expected -= bytes;
    if (memory.rows_expected == 0) memory.rows_filled.fetch_add(1, std::memory_order_release);
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }
  uint8_t* slot(uint32_t i) const {
    return reinterpret_cast<uint8_t*>(memory.slots.data()) + size_t{i} * kHostSlotBytes;
  }
  std::atomic_ref<uint32_t> come() const { return std::atomic_ref<uint32_t>(*at<uint32_t>(chain.meetings)); }
};

}  // namespace

ChainGroup::ChainGroup(uint32_t teams, uint32_t team_size)
    : threads(teams, team_size),
      squares(teams),
      totals(teams * kSlotRows),
      slots(kHostSlots * kHostSlotBytes / sizeof(Words4)) {}

void ChainGroups::run(const ChainArgs& chain, KvType kv_type, uint32_t head_dim) {
  while (groups_.size() < count_) groups_.push_back(std::make_unique<ChainGroup>(teams_, team_size_));
  const auto run_group = [&](uint32_t index) {
    ChainGroup& memory = *groups_[index];
    memory.panel.resize(chain.panel_bytes / sizeof(Words4));
    memory.weights.resize(chain.count);
    for (uint32_t slot = 0; slot < kHostSlots; ++slot) memory.filled[slot] = memory.read[slot] = 0;
    memory.rows_filled = 0;
    memory.threads.run(1, [&](HostGroup group, uint32_t) {
      ChainThreadMachine machine{group, memory, chain, index, count_, parts_};
      with_kv_type(kv_type, [&](auto type) {
        if (head_dim == 128)
          run_chain<decltype(type)::value, 128>(machine, chain);
        else
          run_chain<decltype(type)::value, 64>(machine, chain);
      });
    });
  };
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < count_; ++i) others.emplace_back(run_group, i);
  run_group(0);
  for (std::thread& thread : others) thread.join();
}

}  // namespace openelm::gpu::host
