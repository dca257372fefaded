#include "model/next_logits.h"

namespace openelm {
namespace {

/// How many of the best logits are asked for; 0 when all are needed, or are no more.
size_t best_count(const Model& model, const Sampler& sampler) {
  const size_t needed = sampler.best_needed();
  return needed <= model.max_best() && needed < model.config().vocab_size ? needed : 0;
}

}  // namespace

NextLogits::NextLogits(Session& session, const Sampler& sampler)
    : session_(session), best_(best_count(session.model(), sampler)) {
  if (best_ == 0) logits_.resize(session.model().config().vocab_size);
}

Status NextLogits::evaluate(std::span<const int32_t> ids, bool more) {
  return best_ > 0 ? session_.evaluate_best(ids, best_, more)
                   : session_.evaluate(ids, LogitsMode::last, logits_.data());
}

int32_t NextLogits::sample(Sampler& sampler) const {
  return best_ > 0 ? sampler.sample_best(session_.best()) : sampler.sample(logits_);
}

}  // namespace openelm
