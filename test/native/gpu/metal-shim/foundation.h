#pragma once

#import <Foundation/Foundation.h>

#include <vector>

/// An array that the stand-ins make.
@interface ShimArray : NSArray {
 @public
  std::vector<id>* items_;
}
@end
