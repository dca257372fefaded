#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/types.h"
#include "kernels/vocabulary/vocabulary.h"

namespace openelm {

/// The tokens still in play, in the order of their ids, and the filters that drop some. While many are left
/// they are the whole vocabulary with the logits of dropped ones at -infinity, so that every loop is over
/// plain arrays and vectorizes; once few are left they are gathered. Nothing sorts a vocabulary: a filter
/// looks for the key of the last token it keeps. Every filter leaves at least one token; ties go to the lower
/// id. Buffers are kept between tokens.
class Candidates {
 public:
  Candidates();

  /// All tokens. Logits have no NaN and no +infinity; those of -infinity are left out. They are read until
  /// the next call of this.
  void assign(std::span<const float> logits);

  /// A few tokens with their logits, in any order; those with id -1 are none.
  void assign_best(std::span<const gpu::Candidate> best);

  bool empty() const;

  /// The k most probable tokens; 0 < k.
  void keep_top_k(size_t k);
  /// Locally typical sampling (Meister et al. 2022): the tokens whose surprise is nearest to the expected
  /// one, until their probabilities reach p.
  void keep_typical(float p);
  /// Nucleus sampling (Holtzman et al. 2020): the most probable tokens until their probabilities reach p.
  void keep_top_p(float p);
  /// Tokens at least `p` times as probable as the most probable one (Nguyen et al. 2024).
  void keep_min_p(float p);

  /// A token drawn by softmax(logits / temperature), for uniform in [0, 1).
  int32_t draw(float temperature, double uniform);

 private:
  struct Entry {
    float key;
    uint32_t index;
  };

  /// What a filter keeps: the candidates with a larger key, and of those with this key the ones up to `last`.
  struct Cut {
    float key;
    size_t last;
    size_t kept;
  };

  Cut select(std::span<const float> keys, float best, const float* weights, double target);
  std::span<const uint32_t> find(std::span<const float> keys, float low, float high);
  void collect(std::span<const float> keys, float low, float high);
  void keep(std::span<const float> keys, const Cut& cut);
  void gather(std::span<const float> keys, const Cut& cut);

  const VocabularyImpl& loops_;
  std::span<const float> logits_;  // the caller's, or own_
  float max_ = 0;                  // of logits_
  std::vector<int32_t> ids_;       // of logits_ once gathered; empty before
  std::vector<float> own_;
  std::vector<float> weights_;
  std::vector<float> keys_;
  std::vector<double> sums_;
  std::vector<uint32_t> found_;
  std::vector<Entry> order_;  // largest key first
};

}  // namespace openelm
