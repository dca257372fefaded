// Loops over a vocabulary, with the instructions that every processor has: the bits that all variants give.

#include "kernels/vocabulary/loops.h"

#include "kernels/variants.h"

namespace openelm {

VocabularyImpl vocabulary_reference() {
  return kLoops;
}

}  // namespace openelm
