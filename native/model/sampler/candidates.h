#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace openelm {

/// The tokens still in play and the filters that drop some. Buffers are kept between tokens; parallel arrays
/// keep the loops over a whole vocabulary vectorizable. Every filter leaves at least one token; ties go to
/// the lower id.
class Candidates {
 public:
  /// All tokens. Logits have no NaN and no +infinity; those of -infinity are left out.
  void assign(std::span<const float> logits);

  bool empty() const { return ids_.empty(); }

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

  static bool better(const Entry& a, const Entry& b) {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
  }

  void softmax();
  void keep_best(std::span<const float> keys, float p);
  void collect(std::span<const float> keys, float floor);
  void keep_entries(size_t count);

  std::vector<int32_t> ids_;
  std::vector<float> logits_;
  std::vector<float> probs_;
  std::vector<float> keys_;
  std::vector<Entry> order_;  // positions among the candidates, best key first
  std::vector<int32_t> spare_ids_;
  std::vector<float> spare_logits_;
};

}  // namespace openelm
