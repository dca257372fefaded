#pragma once

// What the checks of the engine share: a small model and a report in TAP.

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/model.h"

namespace openelm {

constexpr size_t kVocab = 300, kContext = 96;

/// Small, but with what differs from layer to layer in the family: heads and FFN widths.
inline ModelConfig small_config() {
  ModelConfig config;
  config.dim = 128;
  config.head_dim = 32;
  config.vocab_size = kVocab;
  config.heads = {4, 8, 8};
  config.kv_heads = {1, 2, 2};
  config.ffn = {64, 128, 256};
  return config;
}

inline std::vector<int32_t> some_ids(size_t n, int32_t first) {
  std::vector<int32_t> ids(n);
  for (size_t i = 0; i < n; ++i) ids[i] = static_cast<int32_t>((first + 7 * i) % kVocab);
  return ids;
}

inline std::shared_ptr<Model> make_model(const KernelTable& kernels, unsigned threads,
                                         const Offload& offload = {}) {
  Model::Source source;
  source.synthetic = DType::q8_0;
  auto model = Model::create(small_config(), std::move(source), kernels, threads, offload);
  if (!model.ok()) std::printf("# %s\n", model.status.message().c_str());
  return std::move(model.value);
}

class Report {
 public:
  void result(bool ok, const std::string& name) {
    failed_ += ok ? 0 : 1;
    std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++count_, name.c_str());
  }
  int finish() {
    std::printf("1..%d\n", count_);
    return failed_ > 0 || count_ == 0 ? 1 : 0;
  }

 private:
  int count_ = 0, failed_ = 0;
};

}  // namespace openelm
