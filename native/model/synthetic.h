#pragma once

#include "model/weights.h"

namespace openelm {

class ThreadPool;

/// Fills a norm vector: 1 + noise, in f32.
void synthetic_vector(const ModelConfig& config, const TensorPlace& place, float* out);

/// Fills a matrix, row by row on all threads: noise rounded to f16, then converted to `type`.
void synthetic_matrix(const ModelConfig& config, const TensorPlace& place, DType type, uint8_t* out,
                      ThreadPool& pool);

}  // namespace openelm
