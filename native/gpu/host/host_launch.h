#pragma once

// What the launch files of the host device share.

#include <utility>

#include "gpu/host/host_device.h"

namespace openelm::gpu::host {

inline MatrixRef reference_to(const DeviceMatrix& m) {
  return {m.quants, m.scales, m.rows, m.cols};
}

/// Calls f with the type as a constant.
template <class F>
void with_kv_type(KvType type, F f) {
  switch (type) {
    case KvType::f32:
      return f(std::integral_constant<KvType, KvType::f32>());
    case KvType::f16:
      return f(std::integral_constant<KvType, KvType::f16>());
    case KvType::q8_0:
      return f(std::integral_constant<KvType, KvType::q8_0>());
  }
}

template <class Add>
bool HostDevice::chained(uint32_t tokens, Add add) {
  if (!recording_ || !options_.record_chains || tokens != 1) return false;
  if (add()) return true;
  enqueue_gathered();
  return add();
}

template <class Body>
void HostDevice::launch(uint32_t groups, uint32_t shared_bytes, Body body) {
  launch_on(threads_, groups, shared_bytes, body);
}

template <class Body>
void HostDevice::launch_on(Threads& threads, uint32_t groups, uint32_t shared_bytes, Body body) {
  if (groups == 0) return;
  if (shared_bytes > options_.shared_bytes) return fail("a kernel needs more shared memory than a group has");
  enqueue([this, &threads, groups, body] {
    threads.run(groups, [this, &body](HostGroup group, uint32_t index) {
      body(group, index, reinterpret_cast<uint8_t*>(shared_.data()));
    });
  });
}

}  // namespace openelm::gpu::host
