// Loops over a vocabulary, AVX2.

#include "kernels/vocabulary/loops.h"

#include "kernels/variants.h"

namespace openelm {

VocabularyImpl vocabulary_avx2() {
  return kLoops;
}

}  // namespace openelm
