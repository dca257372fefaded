#pragma once

#include <napi.h>

#include "model/sampler/sampling_params.h"

namespace openelm {

/// Reads a NativeSampling. False, with a JavaScript exception pending, when it is not one.
bool read_sampling(const Napi::Value& value, SamplingParams& params);

/// Exports sample and sampleDraws.
void register_sampler(Napi::Env env, Napi::Object exports);

}  // namespace openelm
