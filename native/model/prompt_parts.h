#pragma once

#include <algorithm>
#include <cstddef>

#include "model/model.h"

namespace openelm {

// Prompts are evaluated in parts of n_batch tokens, whose number decides about kernels and with them about
// the last bits of keys and values.

/// For how many tokens a prompt's kernels are chosen at a position: those of its part.
inline size_t part_tokens(size_t n_batch, size_t prompt, size_t position) noexcept {
  return std::min(n_batch, prompt - position / n_batch * n_batch);
}

/// How many of the `common` first tokens of a prompt of `before` tokens hold for one of `now` tokens just as
/// evaluating them would: whole tiles of the attention kernel, of parts whose kernels are the same.
inline size_t reusable_tokens(const Model& model, size_t n_batch, size_t common, size_t before, size_t now) {
  const size_t tile = model.attention_tile();
  const size_t part = common / n_batch * n_batch, inside = (common - part) / tile * tile;
  if (inside == 0) return part;
  const bool same = model.same_kernels(part_tokens(n_batch, before, part), part_tokens(n_batch, now, part));
  return same ? part + inside : part;
}

}  // namespace openelm
