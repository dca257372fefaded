#include "gpu/plan.h"

#include <algorithm>

#include "gpu/cache.h"

namespace openelm::gpu {
namespace {

/// Appends tokens of one sequence, and its tiles unless each attends by itself.
void append(TokenPlan& plan, const GpuCache& cache, size_t first_pos, size_t count, size_t tile) {
  const size_t begin = plan.list.size();
  for (size_t i = 0; i < count; ++i)
    plan.list.push_back(
        {cache.address(), static_cast<uint32_t>(cache.n_ctx()), static_cast<uint32_t>(first_pos + i)});
  if (plan.few) return;
  // The last tokens attend to the most positions: longest work first evens out what the device is given.
  for (size_t tiles = (count + tile - 1) / tile; tiles-- > 0;) {
    const size_t at = tiles * tile;
    plan.tiles.push_back(
        {static_cast<uint32_t>(begin + at), static_cast<uint32_t>(std::min(tile, count - at))});
  }
}

/// A pass of the segments that it is for.
class PassPlanner {
 public:
  PassPlanner(std::span<const Segment> segments, const PlanLimits& limits, bool few)
      : limits_(limits), few_(few) {
    plan_.tokens.few = few;
    size_t row = 0, logits = 0, tokens = 0, wanted = 0;
    for (const Segment& segment : segments) tokens += segment.tokens.size();
    for (const Segment& segment : segments) wanted += segment.logits;
    for (const Segment& segment : segments) {
      const size_t kernel_tokens = segment.kernel_tokens ? segment.kernel_tokens : tokens;
      // Company may shrink the batch; whoever names its kernels gets the same without.
      if (segment.kernel_tokens > 0 && !few) plan_.shrinks = true;
      if (segment.kernel_tokens == 0) plan_.kept_tokens.few = wanted <= limits.small_batch;
      if ((kernel_tokens <= limits.small_batch) == few) chosen_.push_back({&segment, row, logits});
      row += segment.tokens.size();
      logits += segment.logits;
    }
  }

  PassPlan plan() {
    for (const Chosen& chosen : chosen_) add(chosen);
    size_t wanted = 0;
    for (const Rows& rows : plan_.kept) wanted += rows.count;
    plan_.shrinks = plan_.shrinks || wanted < plan_.size();
    return std::move(plan_);
  }

 private:
  struct Chosen {
    const Segment* segment;
    size_t row, logits;  // where it begins in the batch and in the logits
  };

  void add(const Chosen& chosen) {
    const Segment& segment = *chosen.segment;
    const size_t n = segment.tokens.size(), begin = plan_.size(), skipped = n - segment.logits;
    if (n == 0) return;
    plan_.ids.insert(plan_.ids.end(), segment.tokens.begin(), segment.tokens.end());
    plan_.rows.push_back({chosen.row, n});
    append(plan_.tokens, *segment.cache, segment.first_pos, n, limits_.attention_tile);
    plan_.max_positions = std::max(plan_.max_positions, static_cast<uint32_t>(segment.first_pos + n));
    plan_.max_n_ctx = std::max(plan_.max_n_ctx, static_cast<uint32_t>(segment.cache->n_ctx()));
    plan_.kv_type = static_cast<uint32_t>(segment.cache->type());
    if (segment.logits == 0) return;
    plan_.kept.push_back({begin + skipped, segment.logits});
    plan_.logits.push_back({chosen.logits, segment.logits});
    append(plan_.kept_tokens, *segment.cache, segment.first_pos + skipped, segment.logits,
           limits_.attention_tile);
  }

  const PlanLimits limits_;
  const bool few_;
  PassPlan plan_;
  std::vector<Chosen> chosen_;
};

}  // namespace

bool TokenPlan::apart() const {
  for (size_t i = 0; i < list.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (list[i].cache == list[j].cache) return false;
  return true;
}

std::vector<PassPlan> plan_passes(std::span<const Segment> segments, const PlanLimits& limits) {
  std::vector<PassPlan> passes;
  for (const bool few : {true, false}) {
    PassPlan plan = PassPlanner(segments, limits, few).plan();
    if (plan.size() > 0) passes.push_back(std::move(plan));
  }
  return passes;
}

}  // namespace openelm::gpu
