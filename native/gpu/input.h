#pragma once

#include <vector>

#include "gpu/pass.h"

namespace openelm::gpu {

/// What a plan tells the device, in one piece that one upload brings there. Laid out by the plan's sizes
/// alone: those of equal shape agree.
class PassInput {
 public:
  explicit PassInput(const PassPlan& plan);

  /// Most bytes for passes of so many tokens.
  static size_t most_bytes(size_t tokens);

  const std::vector<uint8_t>& bytes() const noexcept { return bytes_; }

  // What lies where, once the bytes are at an address.
  PassTokens tokens(const PassPlan& plan, DevicePointer at) const;
  PassTokens kept_tokens(const PassPlan& plan, DevicePointer at) const;
  DevicePointer ids(DevicePointer at) const { return at + ids_; }
  DevicePointer list(DevicePointer at) const { return at; }

 private:
  template <class T>
  size_t append(const std::vector<T>& items);

  std::vector<uint8_t> bytes_;
  size_t tiles_ = 0, kept_list_ = 0, kept_tiles_ = 0, ids_ = 0;
};

}  // namespace openelm::gpu
