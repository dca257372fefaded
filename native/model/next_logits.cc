#include "model/next_logits.h"

namespace openelm {
namespace {

/// How many of the best logits are asked for; 0 when all are needed, or are no more.
size_t best_count(const Model& model, const TokenChooser& chooser) {
  const size_t needed = chooser.best_needed();
  return needed <= model.max_best() && needed < model.config().vocab_size ? needed : 0;
}

}  // namespace

NextLogits::NextLogits(Session& session, const TokenChooser& chooser)
    : session_(session), best_(best_count(session.model(), chooser)) {
  if (best_ == 0) logits_.resize(session.model().config().vocab_size);
}

Status NextLogits::evaluate(std::span<const int32_t> ids, bool more) {
  return best_ > 0 ? session_.evaluate_best(ids, best_, more)
                   : session_.evaluate(ids, LogitsMode::last, logits_.data());
}

int32_t NextLogits::choose(TokenChooser& chooser) const {
  return best_ > 0 ? chooser.next_of_best(session_.best()) : chooser.next(logits_);
}

}  // namespace openelm
