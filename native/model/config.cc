#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace openelm {
namespace {

// Far above any model of the family, far below what could overflow a size computation.
constexpr size_t kMaxWidth = size_t{1} << 20;
constexpr size_t kMaxVocab = size_t{1} << 24;
constexpr size_t kMaxLayers = 4096;
constexpr size_t kMaxHeads = 4096;

Status invalid(const std::string& what, double value) {
  return Status(Code::invalid, what + " is out of range: " + std::to_string(value));
}

bool within(size_t value, size_t most) {
  return value >= 1 && value <= most;
}

}  // namespace

size_t ModelConfig::max_heads() const noexcept {
  size_t most = 0;
  for (size_t i = 0; i < layers(); ++i) most = std::max<size_t>(most, heads[i] + 2 * kv_heads[i]);
  return most;
}

size_t ModelConfig::max_ffn() const noexcept {
  return *std::max_element(ffn.begin(), ffn.end());
}

Status ModelConfig::check() const {
  if (!within(dim, kMaxWidth)) return invalid("model_dim", static_cast<double>(dim));
  if (!within(vocab_size, kMaxVocab)) return invalid("vocab_size", static_cast<double>(vocab_size));
  if (!within(head_dim, 1024) || head_dim % 16 != 0)
    return invalid("head_dim", static_cast<double>(head_dim));
  if (!within(layers(), kMaxLayers)) return invalid("number of layers", static_cast<double>(layers()));
  if (kv_heads.size() != layers() || ffn.size() != layers())
    return Status(Code::invalid, "The per-layer lists differ in length");
  for (size_t i = 0; i < layers(); ++i) {
    if (!within(heads[i], kMaxHeads)) return invalid("num_query_heads", heads[i]);
    if (!within(kv_heads[i], heads[i]) || heads[i] % kv_heads[i] != 0)
      return invalid("num_kv_heads", kv_heads[i]);
    if (!within(ffn[i], kMaxWidth)) return invalid("FFN width", ffn[i]);
  }
  if (!(rope_base >= 1 && rope_base <= 1e12)) return invalid("rope_freq_constant", rope_base);
  if (!(rms_eps >= 0 && rms_eps <= 1)) return invalid("rms_norm eps", static_cast<double>(rms_eps));
  return {};
}

}  // namespace openelm
