#include "model/sampler/vector_math.h"

#include <algorithm>
#include <limits>

#include "cpu/dispatch.h"

namespace openelm {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

const VocabularyImpl& vocabulary_loops() {
  static const VocabularyImpl& best = best_kernels().vocabulary;
  return best;
}

int32_t argmax(std::span<const float> values) {
  constexpr size_t kStretch = 1024;  // only the stretch with the largest value is read again
  float best = -kInfinity;
  size_t where = 0;
  for (size_t begin = 0; begin < values.size(); begin += kStretch) {
    const size_t size = std::min(kStretch, values.size() - begin);
    const float here = vocabulary_loops().max_value(values.data() + begin, size);
    if (here > best) {
      best = here;
      where = begin;
    }
  }
  while (where < values.size() && values[where] != best) ++where;
  return where < values.size() ? static_cast<int32_t>(where) : 0;
}

bool ordered(std::span<const float> values) {
  return vocabulary_loops().count_strange(values.data(), values.size()) == 0;
}

void make_ordered(std::span<float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (float& value : values) {
    const float number = value == value ? value : -kInfinity;
    value = number > kLargest ? kLargest : number;
  }
}

}  // namespace openelm
