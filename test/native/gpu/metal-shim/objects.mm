// Metal's objects on this machine, for the GNU Objective-C runtime: a device whose command buffers run the
// entry points that are compiled beside the program. Nothing is ever freed.
//
// A command buffer runs either when it is committed or, every other one, when it is waited for; buffers that
// its encoder was not told of cannot be touched then, nor later before the CPU asks where their contents are.

#import <Metal/Metal.h>

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "foundation.h"
#include "groups.h"

@implementation MTLCompileOptions
- (NSDictionary*)preprocessorMacros {
  return macros_;
}
- (void)setPreprocessorMacros:(NSDictionary*)macros {
  macros_ = macros;
}
- (BOOL)fastMathEnabled {
  return fast_;
}
- (void)setFastMathEnabled:(BOOL)fast {
  fast_ = fast;
}
- (MTLLanguageVersion)languageVersion {
  return version_;
}
- (void)setLanguageVersion:(MTLLanguageVersion)version {
  version_ = version;
}
@end

using metal_shim::Guarded;

@interface ShimBuffer : NSObject <MTLBuffer> {
 @public
  Guarded* memory_;
  NSUInteger length_;
  bool open_;
}
- (void)open:(bool)accessible;
@end
static std::set<ShimBuffer*> all_buffers;
@implementation ShimBuffer
- (NSUInteger)length {
  return length_;
}
- (uint64_t)gpuAddress {
  return reinterpret_cast<uint64_t>(memory_->data());
}
- (void*)contents {
  [self open:true];
  return memory_->data();
}
- (void)open:(bool)accessible {
  if (accessible != open_) memory_->open(accessible);
  open_ = accessible;
}
@end

@interface ShimFunction : NSObject <MTLFunction> {
 @public
  metal_shim::EntryPoint entry_;
  std::string* name_;
}
@end
@implementation ShimFunction
@end

@interface ShimPipeline : NSObject <MTLComputePipelineState> {
 @public
  ShimFunction* function_;
}
@end
@implementation ShimPipeline
- (NSUInteger)maxTotalThreadsPerThreadgroup {
  return 1024;
}
- (NSUInteger)threadExecutionWidth {
  return 32;
}
@end

@interface ShimLibrary : NSObject <MTLLibrary> {
 @public
  void* entry_points_;
}
@end
@implementation ShimLibrary
- (id<MTLFunction>)newFunctionWithName:(NSString*)name {
  void* entry = dlsym(entry_points_, name.UTF8String);
  if (entry == nullptr) return nil;
  ShimFunction* made = [ShimFunction new];
  made->entry_ = reinterpret_cast<metal_shim::EntryPoint>(entry);
  made->name_ = new std::string(name.UTF8String);
  return made;
}
@end

namespace {

[[noreturn]] void stop(const char* why) {
  std::fprintf(stderr, "Metal: %s\n", why);
  std::abort();
}

struct Dispatch {
  ShimFunction* function;
  std::shared_ptr<Guarded> arguments;
  size_t shared_bytes;
  MTLSize groups, threads;
};

metal_shim::Size3 size_of(MTLSize size) {
  return {static_cast<uint32_t>(size.width), static_cast<uint32_t>(size.height),
          static_cast<uint32_t>(size.depth)};
}

}  // namespace

@interface ShimEncoder : NSObject <MTLComputeCommandEncoder> {
 @public
  std::deque<Dispatch>* dispatches_;
  std::set<ShimBuffer*>* declared_;
  Dispatch next_;
  bool ended_;
}
@end
@implementation ShimEncoder
- (void)setComputePipelineState:(id<MTLComputePipelineState>)state {
  next_.function = ((ShimPipeline*)state)->function_;
}
- (void)setBytes:(const void*)bytes length:(NSUInteger)length atIndex:(NSUInteger)index {
  if (index != 0 || length == 0 || length > 4096) stop("arguments are bytes at index 0, 4096 at most");
  next_.arguments = std::make_shared<Guarded>(length);
  std::memcpy(next_.arguments->data(), bytes, length);
}
- (void)setThreadgroupMemoryLength:(NSUInteger)length atIndex:(NSUInteger)index {
  if (index != 0 || length % 16 != 0 || length > 32768)
    stop("threadgroup memory is in units of 16 bytes, 32 KiB at most");
  next_.shared_bytes = length;
}
- (void)useResource:(id<MTLResource>)resource usage:(MTLResourceUsage)usage {
  declared_->insert((ShimBuffer*)resource);
}
- (void)useResources:(const id<MTLResource>[])resources
               count:(NSUInteger)count
               usage:(MTLResourceUsage)usage {
  for (NSUInteger i = 0; i < count; ++i) declared_->insert((ShimBuffer*)resources[i]);
}
- (void)dispatchThreadgroups:(MTLSize)groups threadsPerThreadgroup:(MTLSize)threads {
  if (ended_ || next_.function == nil || !next_.arguments || next_.shared_bytes == 0)
    stop("a dispatch lacks something");
  next_.groups = groups;
  next_.threads = threads;
  dispatches_->push_back(next_);
}
- (void)endEncoding {
  ended_ = true;
}
@end

@interface ShimCommandBuffer : NSObject <MTLCommandBuffer> {
 @public
  ShimEncoder* encoder_;
  MTLCommandBufferStatus status_;
}
- (void)runNow;
@end
static std::deque<ShimCommandBuffer*> committed;
static unsigned committed_count;
static void run_until(ShimCommandBuffer* last) {
  while (!committed.empty() && last->status_ != MTLCommandBufferStatusCompleted) {
    ShimCommandBuffer* buffer = committed.front();
    committed.pop_front();
    [buffer runNow];
  }
}
@implementation ShimCommandBuffer
- (MTLCommandBufferStatus)status {
  return status_;
}
- (NSError*)error {
  return nil;
}
- (id<MTLComputeCommandEncoder>)computeCommandEncoderWithDispatchType:(MTLDispatchType)type {
  if (type != MTLDispatchTypeSerial) stop("only serial encoders are played here");
  encoder_ = [ShimEncoder new];
  encoder_->dispatches_ = new std::deque<Dispatch>();
  encoder_->declared_ = new std::set<ShimBuffer*>();
  return encoder_;
}
- (void)commit {
  if (encoder_ == nil || !encoder_->ended_) stop("a command buffer is committed while it is being encoded");
  status_ = MTLCommandBufferStatusCommitted;
  committed.push_back(self);
  if (committed_count++ % 2 == 1) run_until(self);
}
- (void)waitUntilCompleted {
  if (status_ == MTLCommandBufferStatusNotEnqueued)
    stop("a command buffer is waited for that was not committed");
  run_until(self);
}
- (void)runNow {
  for (ShimBuffer* buffer : all_buffers) [buffer open:encoder_->declared_->count(buffer) != 0];
  for (const Dispatch& each : *encoder_->dispatches_)
    metal_shim::run_grid(each.function->entry_, each.function->name_->c_str(), each.arguments->data(),
                         size_of(each.groups), static_cast<uint32_t>(each.threads.width), each.shared_bytes);
  status_ = MTLCommandBufferStatusCompleted;
}
@end

@interface ShimQueue : NSObject <MTLCommandQueue>
@end
@implementation ShimQueue
- (id<MTLCommandBuffer>)commandBuffer {
  return [ShimCommandBuffer new];
}
@end

@interface ShimDevice : NSObject <MTLDevice> {
  NSUInteger allocated_;
}
@end
@implementation ShimDevice
- (NSString*)name {
  return [NSString stringWithUTF8String:"Metal on this machine"];
}
- (uint64_t)recommendedMaxWorkingSetSize {
  return uint64_t{4} << 30;
}
- (NSUInteger)currentAllocatedSize {
  return allocated_;
}
- (NSUInteger)maxThreadgroupMemoryLength {
  return 32768;
}
- (NSUInteger)maxBufferLength {
  return NSUInteger{2} << 30;
}
- (BOOL)supportsFamily:(MTLGPUFamily)family {
  const char* newest = getenv("SHIM_FAMILY");
  return family <= 1000 + (newest != nullptr ? atoi(newest) : 9);
}
- (id<MTLCommandQueue>)newCommandQueue {
  return [ShimQueue new];
}
- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
  ShimBuffer* made = [ShimBuffer new];
  made->memory_ = new Guarded(length);
  made->length_ = length;
  made->open_ = true;
  allocated_ += length;
  all_buffers.insert(made);
  return made;
}
- (id<MTLLibrary>)newLibraryWithSource:(NSString*)source
                               options:(MTLCompileOptions*)options
                                 error:(NSError**)error {
  if (strstr(source.UTF8String, "#include <metal_stdlib>") == nullptr) stop("the source is not Metal's");
  NSNumber* bf16 = (NSNumber*)[options.preprocessorMacros objectForKey:@"OPENELM_BF16_MATRICES"];
  if (bf16 == nil || options.fastMathEnabled) stop("the source is compiled with other options than it needs");
  // Compiled beforehand, with either value of the macro.
  char program[4096] = {};
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) stop("the program's folder is not known");
  const std::string path = std::string(program) + (bf16.intValue != 0 ? ".bf16.so" : ".f32.so");
  ShimLibrary* made = [ShimLibrary new];
  made->entry_points_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (made->entry_points_ == nullptr) stop(dlerror());
  return made;
}
- (id<MTLComputePipelineState>)newComputePipelineStateWithFunction:(id<MTLFunction>)function
                                                             error:(NSError**)error {
  ShimPipeline* made = [ShimPipeline new];
  made->function_ = (ShimFunction*)function;
  return made;
}
@end

extern "C" NSArray<id<MTLDevice>>* MTLCopyAllDevices(void) {
  ShimArray* made = [ShimArray new];
  made->items_ = new std::vector<id>{[ShimDevice new]};
  return (NSArray<id<MTLDevice>>*)made;
}
