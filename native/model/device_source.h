#pragma once

#include "gpu/weights.h"
#include "model/config.h"
#include "model/weights.h"

namespace openelm {

/// A model's weights as a device is told of them; they must outlive it.
gpu::ModelSource device_source(const ModelConfig& config, const Weights& weights);

}  // namespace openelm
