#include "gpu/metal/library.h"

namespace openelm::gpu::metal {
namespace {

// Names that only the SDK of macOS 14 has.
constexpr auto kLanguage3_1 = static_cast<MTLLanguageVersion>((3 << 16) + 1);
constexpr auto kFamilyApple9 = static_cast<MTLGPUFamily>(1009);

std::string text_of(NSError* error) {
  const char* text = error.localizedDescription.UTF8String;
  return text != nullptr ? text : "no reason is given";
}

}  // namespace

Status Library::compile() {
  MTLCompileOptions* options = [[MTLCompileOptions alloc] init];
  // Comparisons with NaN and the order of sums must be as written.
  options.fastMathEnabled = NO;
  options.languageVersion = MTLLanguageVersion3_0;
  if (@available(macOS 14.0, *)) {
    options.languageVersion = kLanguage3_1;
    bf16_matrices_ = [device_ supportsFamily:kFamilyApple9];
  }
  options.preprocessorMacros = @{@"OPENELM_BF16_MATRICES" : @(bf16_matrices_ ? 1 : 0)};
  NSError* error = nil;
  // A library comes with an error too when there were warnings.
  library_ = [device_ newLibraryWithSource:@(metal_source) options:options error:&error];
  if (library_ == nil) return Status(Code::internal, "the Metal kernels do not compile: " + text_of(error));
  return {};
}

id<MTLComputePipelineState> Library::pipeline(std::string_view name, uint32_t threads, Status& status) {
  auto found = pipelines_.find(name);
  if (found == pipelines_.end()) {
    const std::string key(name);
    id<MTLFunction> function = [library_ newFunctionWithName:@(key.c_str())];
    if (function == nil) {
      status = Status(Code::internal, "there is no Metal kernel " + key);
      return nil;
    }
    NSError* error = nil;
    id<MTLComputePipelineState> made = [device_ newComputePipelineStateWithFunction:function error:&error];
    if (made == nil) {
      status = Status(Code::internal, "the Metal kernel " + key + " does not compile: " + text_of(error));
      return nil;
    }
    found = pipelines_.emplace(key, made).first;
  }
  id<MTLComputePipelineState> pipeline = found->second;
  if (pipeline.maxTotalThreadsPerThreadgroup < threads || pipeline.threadExecutionWidth != 32) {
    status = Status(Code::internal, "the Metal kernel " + found->first + " runs in groups of " +
                                        std::to_string(pipeline.maxTotalThreadsPerThreadgroup) +
                                        " threads at most, " + std::to_string(pipeline.threadExecutionWidth) +
                                        " at a time; " + std::to_string(threads) + " and 32 are needed");
    return nil;
  }
  return pipeline;
}

}  // namespace openelm::gpu::metal
