// Foundation's objects on this machine, for the GNU Objective-C runtime. Nothing is ever freed but by the end
// of the program.

#include "foundation.h"

#include <string>
#include <utility>
#include <vector>

extern "C" id class_createInstance(Class type, size_t extra_bytes);

@implementation NSObject
+ (instancetype)alloc {
  return class_createInstance(self, 0);
}
+ (instancetype)new {
  return [[self alloc] init];
}
- (instancetype)init {
  return self;
}
- (NSString*)description {
  return nil;
}
- (void)drain {
}
@end

@interface NSAutoreleasePool : NSObject
@end
@implementation NSAutoreleasePool
@end

@interface ShimString : NSString {
 @public
  std::string* text_;
}
@end
@implementation NSString
+ (instancetype)stringWithUTF8String:(const char*)text {
  ShimString* made = [ShimString new];
  made->text_ = new std::string(text);
  return made;
}
- (const char*)UTF8String {
  return "";
}
@end
@implementation ShimString
- (const char*)UTF8String {
  return text_->c_str();
}
@end

// What the compiler makes of literals.
@interface NSConstantString : NSString {
  char* text_;
  unsigned length_;
}
@end
@implementation NSConstantString
- (const char*)UTF8String {
  return text_;
}
@end

@interface ShimNumber : NSNumber {
 @public
  int value_;
}
@end
@implementation NSNumber
+ (NSNumber*)numberWithInt:(int)value {
  ShimNumber* made = [ShimNumber new];
  made->value_ = value;
  return made;
}
- (int)intValue {
  return 0;
}
@end
@implementation ShimNumber
- (int)intValue {
  return value_;
}
@end

@interface ShimDictionary : NSDictionary {
 @public
  std::vector<std::pair<std::string, id>>* entries_;
}
@end
@implementation NSDictionary
+ (instancetype)dictionaryWithObjects:(const id[])objects forKeys:(const id[])keys count:(NSUInteger)count {
  ShimDictionary* made = [ShimDictionary new];
  made->entries_ = new std::vector<std::pair<std::string, id>>();
  for (NSUInteger i = 0; i < count; ++i)
    made->entries_->emplace_back([(NSString*)keys[i] UTF8String], objects[i]);
  return made;
}
- (id)objectForKey:(id)key {
  return nil;
}
@end
@implementation ShimDictionary
- (id)objectForKey:(id)key {
  for (auto& [name, value] : *entries_)
    if (name == [(NSString*)key UTF8String]) return value;
  return nil;
}
@end

@implementation NSArray
- (NSUInteger)count {
  return 0;
}
- (id)objectAtIndex:(NSUInteger)index {
  return nil;
}
@end
@implementation ShimArray
- (NSUInteger)count {
  return items_->size();
}
- (id)objectAtIndex:(NSUInteger)index {
  return items_->at(index);
}
@end

@implementation NSError
- (NSInteger)code {
  return 1;
}
- (NSString*)localizedDescription {
  return [NSString stringWithUTF8String:"it was told to fail"];
}
@end

@implementation NSProcessInfo
+ (NSProcessInfo*)processInfo {
  return [NSProcessInfo new];
}
- (NSOperatingSystemVersion)operatingSystemVersion {
  return {14, 5, 0};
}
@end
