#include "model/batch/slot.h"

#include <algorithm>

namespace openelm {

size_t Slot::common_prefix(std::span<const int32_t> ids) const noexcept {
  if (ids.empty()) return 0;
  const size_t limit = std::min({tokens.size(), prompt, ids.size() - 1});
  size_t n = 0;
  while (n < limit && tokens[n] == ids[n]) ++n;
  return n;
}

}  // namespace openelm
