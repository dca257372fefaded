// Loops over a vocabulary, AVX-512.

#include "kernels/vocabulary/loops.h"

#include "kernels/variants.h"

namespace openelm {

VocabularyImpl vocabulary_avx512() {
  return kLoops;
}

}  // namespace openelm
