#include "model/grammar/constraint.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace openelm {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr size_t kManyBytes = 64;
constexpr int kRedraws = 8;

}  // namespace

TokenChooser::TokenChooser(const SamplingParams& sampling, std::shared_ptr<const Grammar> grammar,
                           size_t max_tokens, std::span<const int32_t> stop_tokens)
    : sampler_(sampling), grammar_(std::move(grammar)), left_(max_tokens), stop_tokens_(stop_tokens) {
  if (!grammar_) return;
  matcher_ = std::make_unique<Matcher>(grammar_->automaton());
  if (fits(left_)) return;
  const size_t needed = plan_.empty() ? matcher_->shortest() : plan_.size();
  fail("The shortest text of the grammar has " + std::to_string(needed) + " tokens; at most " +
       std::to_string(left_) + " may be generated");
}

void TokenChooser::fail(std::string why) {
  status_ = Status(Code::grammar, std::move(why));
}

bool TokenChooser::is_stop(int32_t id) const {
  return std::find(stop_tokens_.begin(), stop_tokens_.end(), id) != stop_tokens_.end();
}

/// Whether a completion of at most so many tokens is known. Every byte of a shortest one can be a token of
/// its own; where these are too many, longer tokens may do.
bool TokenChooser::fits(size_t tokens) {
  plan_.clear();
  const size_t bytes = matcher_->shortest();
  if (bytes <= tokens) return true;
  if (bytes / std::max<size_t>(1, grammar_->trie().longest()) > tokens) return false;
  plan_ = grammar_->trie().spell(matcher_->shortest_rest());
  return plan_.size() <= tokens;
}

TokenChooser::Taken TokenChooser::take(int32_t id) {
  if (is_stop(id)) return matcher_->complete() ? Taken::yes : Taken::refused;
  const std::string_view bytes = grammar_->trie().bytes(id);
  const size_t before = matcher_->size();
  if (bytes.empty() || !matcher_->push(bytes)) return Taken::refused;
  if (left_ > 0 && fits(left_ - 1)) {
    --left_;
    return Taken::yes;
  }
  matcher_->truncate(before);
  plan_.clear();
  return Taken::too_long;
}

int32_t TokenChooser::next(std::span<const float> logits) {
  const int32_t id = grammar_ ? choose(logits) : sampler_.sample(logits);
  if (id >= 0) sampler_.accept(id);
  return id;
}

int32_t TokenChooser::next_of_best(std::span<const gpu::Candidate> best) {
  const int32_t id = sampler_.sample_best(best);
  if (id >= 0) sampler_.accept(id);
  return id;
}

int32_t TokenChooser::choose(std::span<const float> logits) {
  if (!status_.ok()) return kFailed;
  // Mostly the model keeps to the grammar by itself, and one token is all that is looked at. Drawing again
  // among others where it does not gives each the probability it has among the allowed ones.
  const std::vector<int32_t> plan = plan_;
  int32_t id = sampler_.sample(logits);
  Taken taken = take(id);
  if (taken == Taken::refused && matcher_->next_bytes() > kManyBytes) {
    // Where most tokens are allowed, as inside a string, the next one drawn probably is.
    masked_.assign(logits.begin(), logits.end());
    for (int i = 0; i < kRedraws && taken == Taken::refused && id >= 0; ++i) {
      masked_[static_cast<size_t>(id)] = kNever;
      id = sampler_.sample(masked_);
      taken = take(id);
    }
  }
  if (taken == Taken::refused) {
    TokenMask mask(grammar_->trie().tokens());
    if (grammar_->allowed(*matcher_, mask)) {
      const bool complete = matcher_->complete();
      masked_.assign(logits.size(), kNever);
      for (size_t i = 0; i < logits.size(); ++i) {
        const auto token = static_cast<int32_t>(i);
        if (mask.has(token) || (complete && is_stop(token))) masked_[i] = logits[i];
      }
      id = sampler_.sample(masked_);
      taken = take(id);
    }
  }
  if (taken == Taken::yes) return id;
  steered_ = steered_ || taken == Taken::too_long;
  plan_ = plan;
  return follow_plan();
}

/// The first token of a shortest completion: there is one that fits whenever a token is taken. Also where
/// every allowed token has been banned, or there are too many to look at.
int32_t TokenChooser::follow_plan() {
  if (plan_.empty()) plan_ = grammar_->trie().spell(matcher_->shortest_rest());
  if (plan_.empty()) return kEnd;
  const int32_t id = plan_.front();
  if (!matcher_->push(grammar_->trie().bytes(id))) {
    fail("The grammar is too ambiguous to follow this text");
    return kFailed;
  }
  plan_.erase(plan_.begin());
  --left_;
  return id;
}

}  // namespace openelm
