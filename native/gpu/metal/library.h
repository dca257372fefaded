#pragma once

// The kernels of this folder, compiled when the device is opened: their sources travel within the program as
// text (flatten.mjs), so that no build needs Xcode's Metal compiler. The system keeps what it compiled for
// the next start.

#import <Metal/Metal.h>

#include <map>
#include <string>
#include <string_view>

#include "runtime/status.h"

namespace openelm::gpu::metal {

/// All .metal files and what they include, as one text. Made by flatten.mjs.
extern const char* const metal_source;

class API_AVAILABLE(macos(13.0)) Library {
 public:
  explicit Library(id<MTLDevice> device) : device_(device) {}

  /// Compiles the sources; with bf16 matrices where the GPU has them. `internal` with the compiler's words.
  Status compile();

  /// What runs an entry point in groups of `threads` threads, made at its first use; nil and a reason in
  /// `status` when the GPU cannot.
  id<MTLComputePipelineState> pipeline(std::string_view name, uint32_t threads, Status& status);

  bool has_bf16_matrices() const noexcept { return bf16_matrices_; }

 private:
  id<MTLDevice> device_;
  id<MTLLibrary> library_;
  bool bf16_matrices_ = false;
  std::map<std::string, id<MTLComputePipelineState>, std::less<>> pipelines_;
};

}  // namespace openelm::gpu::metal
