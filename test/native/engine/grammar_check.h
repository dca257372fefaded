#pragma once

#include "fixture.h"

namespace openelm {

/// One grammar used by several threads gives each what it gives alone; mutated grammars are refused or
/// followed.
void check_grammar(Report& report);

}  // namespace openelm
