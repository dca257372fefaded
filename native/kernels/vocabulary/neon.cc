// Loops over a vocabulary, NEON.

#include "kernels/vocabulary/loops.h"

#include "kernels/variants.h"

namespace openelm {

VocabularyImpl vocabulary_neon() {
  return kLoops;
}

}  // namespace openelm
