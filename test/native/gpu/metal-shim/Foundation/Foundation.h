#pragma once

// Stand-ins for the parts of Apple's Foundation that native/gpu/metal uses, written from its documentation:
// enough for the compiler to check calls against, and for metal-shim/objects.mm to implement.

#include <stddef.h>
#include <stdint.h>

#ifdef __APPLE__
#define SHIM_macos(version) macos, introduced = version
#define API_AVAILABLE(platform) __attribute__((availability(SHIM_##platform)))
#else
#define API_AVAILABLE(platform)
#endif
#define NS_ENUM(type, name) \
  enum name : type name;    \
  enum name : type
#define NS_OPTIONS(type, name) NS_ENUM(type, name)
#define NS_RETURNS_RETAINED __attribute__((ns_returns_retained))

typedef long NSInteger;
typedef unsigned long NSUInteger;
#ifdef __OBJC_BOOL_IS_BOOL
typedef bool BOOL;
#else
typedef signed char BOOL;
#endif
#define YES ((BOOL)1)
#define NO ((BOOL)0)
#define nil nullptr

@class NSString;

@protocol NSObject
- (NSString*)description;
@end

__attribute__((objc_root_class))
@interface NSObject<NSObject> {
  Class isa;
}
+ (instancetype)alloc;
+ (instancetype)new;
- (instancetype)init;
@end

@protocol NSCopying
@end

@interface NSString : NSObject <NSCopying>
+ (instancetype)stringWithUTF8String:(const char*)text;
@property(readonly) const char* UTF8String;
@end

@interface NSNumber : NSObject <NSCopying>
+ (NSNumber*)numberWithInt:(int)value;
@property(readonly) int intValue;
@end

@interface NSDictionary<Key, Value> : NSObject
+ (instancetype)dictionaryWithObjects:(const Value[])objects
                              forKeys:(const Key[])keys
                                count:(NSUInteger)count;
- (Value)objectForKey:(Key)key;
@end

@interface NSArray<Value> : NSObject
@property(readonly) NSUInteger count;
- (Value)objectAtIndex:(NSUInteger)index;
@end

@interface NSError : NSObject
@property(readonly) NSInteger code;
@property(readonly) NSString* localizedDescription;
@end

typedef struct {
  NSInteger majorVersion, minorVersion, patchVersion;
} NSOperatingSystemVersion;

@interface NSProcessInfo : NSObject
@property(class, readonly) NSProcessInfo* processInfo;
@property(readonly) NSOperatingSystemVersion operatingSystemVersion;
@end
