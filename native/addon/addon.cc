#include <napi.h>

#include "addon/batch.h"
#include "addon/cpu.h"
#include "addon/file_copy.h"
#include "addon/gpu.h"
#include "addon/grammar.h"
#include "addon/instance_data.h"
#include "addon/kernel_bench.h"
#include "addon/mapped_file.h"
#include "addon/model.h"
#include "addon/sampler.h"
#include "addon/session.h"
#include "addon/tokenizer.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new openelm::InstanceData);
  openelm::register_cpu(env, exports);
  openelm::register_gpu(env, exports);
  openelm::register_mapped_file(env, exports);
  openelm::register_file_copy(env, exports);
  openelm::register_tokenizer(env, exports);
  openelm::register_sampler(env, exports);
  openelm::register_grammar(env, exports);
  openelm::register_session(env);
  openelm::register_batch(env);
  openelm::register_model(env, exports);
  openelm::register_kernel_bench(env, exports);
  return exports;
}

NODE_API_MODULE(openelm, init)
