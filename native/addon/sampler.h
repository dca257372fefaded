#pragma once

#include <napi.h>

#include "model/sampler/sampling_params.h"
#include "runtime/status.h"

namespace openelm {

/// Reads a NativeSampling; Code::invalid when it is not one.
Status read_sampling(const Napi::Value& value, SamplingParams& params);

/// Exports sample and sampleDraws.
void register_sampler(Napi::Env env, Napi::Object exports);

}  // namespace openelm
