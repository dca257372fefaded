// The products of a pass. Every cohort of the batch has kernels of its own; they take turns on the same rows,
// so that weights come from memory once.

#include <algorithm>
#include <numeric>

#include "model/forward.h"

namespace openelm {
namespace {

/// Weights that cohorts take turns on: they stay in a core's second-level cache, beside activations.
constexpr size_t kSharedWeightBytes = 128 << 10;

}  // namespace

size_t ForwardPass::row_multiple(const WeightMatrix& w, const Cohorts& cohorts) const {
  size_t multiple = 1;
  for (const Cohort& cohort : cohorts)
    multiple = std::lcm(multiple, choose(w, cohort.kernel_tokens)->row_multiple);
  return multiple;
}

ForwardPass::Packed ForwardPass::pack(Worker& worker, const float* x, size_t ldx, const Cohorts& cohorts,
                                      const WeightMatrix& w, const float* norm, Buffer& shared,
                                      Buffer PrivateBuffers::*own) {
  const size_t cols = w.cols;
  if (cohorts.size() == 1 && cohorts[0].tokens == 1) {
    PrivateBuffers& mine = own_[worker.index()];
    if (norm) {
      kernels_.rms_norm(x, norm, config_.rms_eps, cols, mine.norm.as<float>());
      x = mine.norm.as<float>();
    }
    choose(w, cohorts[0].kernel_tokens)->pack(x, cols, 1, cols, 0, 1, (mine.*own).data());
    return {(mine.*own).data(), cohorts};
  }
  uint8_t* packed = shared.data();
  for (const Cohort& cohort : cohorts) {
    const MatmulImpl* impl = choose(w, cohort.kernel_tokens);
    pack_cohort(worker, *impl, x, ldx, cohort, cols, norm, packed);
    packed += packed_bytes(*impl, cohort.tokens, cols);
  }
  worker.barrier();
  return {shared.data(), cohorts};
}

/// A thread's share of a cohort. Tokens are packed as soon as they are normalized, while they are in a core's
/// cache.
void ForwardPass::pack_cohort(Worker& worker, const MatmulImpl& impl, const float* x, size_t ldx,
                              const Cohort& cohort, size_t cols, const float* norm, uint8_t* packed) {
  const auto [begin, end] = worker.share(cohort.tokens, impl.token_multiple);
  x += cohort.begin * ldx;
  if (!norm) {
    if (begin < end) impl.pack(x + begin * ldx, ldx, cohort.tokens, cols, begin, end, packed);
    return;
  }
  float* normed = own_[worker.index()].norm.as<float>();
  for (size_t first = begin; first < end; first += impl.token_multiple) {
    const size_t last = std::min(first + impl.token_multiple, end);
    for (size_t t = first; t < last; ++t)
      kernels_.rms_norm(x + t * ldx, norm, config_.rms_eps, cols, normed + (t - first) * cols);
    impl.pack(normed, cols, cohort.tokens, cols, first, last, packed);
  }
}

/// y of some rows; `next` are the rows that this worker computes after them.
void ForwardPass::run_rows(Worker& worker, const WeightMatrix& w, const Packed& x, Rows rows, Rows next,
                           float* y, size_t ldy, bool accumulate) {
  size_t block = rows.end - rows.begin;
  if (x.cohorts.size() > 1) {
    const size_t multiple = row_multiple(w, x.cohorts);
    block = std::max<size_t>(1, kSharedWeightBytes / row_bytes(w.type, w.cols) / multiple) * multiple;
  }
  void* scratch = own_[worker.index()].scratch.data();
  for (size_t begin = rows.begin; begin < rows.end; begin += block) {
    const size_t end = std::min(begin + block, rows.end);
    const NextRows after = end < rows.end ? NextRows{&w, end, std::min(end + block, rows.end)}
                                          : NextRows{&w, next.begin, next.end};
    const uint8_t* packed = x.data;
    for (const Cohort& cohort : x.cohorts) {
      const MatmulImpl* impl = choose(w, cohort.kernel_tokens);
      impl->run(
          {&w, begin, end, packed, cohort.tokens, y + cohort.begin * ldy, ldy, accumulate, scratch, after});
      packed += packed_bytes(*impl, cohort.tokens, w.cols);
    }
  }
}

void ForwardPass::multiply(Worker& worker, const WeightMatrix& w, const Packed& x, float* y, size_t ldy,
                           bool accumulate) {
  const size_t smallest = worker.smallest_chunk(w.rows, row_multiple(w, x.cohorts));
  worker.for_chunks_ahead(w.rows, smallest, [&](Rows rows, Rows next) {
    run_rows(worker, w, x, rows, next, y, ldy, accumulate);
  });
  worker.barrier();
}

}  // namespace openelm
