#include "addon/kernel_bench.h"

#include <string>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "addon/job.h"
#include "cpu/dispatch.h"
#include "probe/kernel_bench.h"

namespace openelm {
namespace {

Result<KernelBench::Op> read_op(const std::string& name) {
  if (name == "matmul") return KernelBench::Op::matmul;
  if (name == "attention") return KernelBench::Op::attention;
  if (name == "read") return KernelBench::Op::read;
  if (name == "peak") return KernelBench::Op::peak;
  return Status(Code::invalid, "Unknown op " + name);
}

Result<KernelBench> read_bench(const Napi::Value& value) {
  if (!value.IsObject()) return Status(Code::invalid, "Expected an object");
  const Napi::Object object = value.As<Napi::Object>();
  KernelBench bench;
  const Result<std::string> op_name = string_property(object, "op");
  if (!op_name.ok()) return op_name.status;
  const Result<KernelBench::Op> op = read_op(op_name.value);
  if (!op.ok()) return op.status;
  bench.op = op.value;
  const Result<std::string> isa = string_property(object, "isa");
  if (!isa.ok()) return isa.status;
  bench.kernels = find_kernels(isa.value);
  if (!bench.kernels) return Status(Code::invalid, "This machine does not run the variant " + isa.value);
  const Result<uint64_t> type = size_property(object, "type", 255);
  const DTypeInfo* info = type.ok() ? find_dtype(static_cast<uint32_t>(type.value)) : nullptr;
  if (!info) return Status(Code::invalid, "Unknown type");
  bench.type = info->type;
  for (const auto& [name, target] :
       {std::pair{"rows", &bench.rows}, std::pair{"cols", &bench.cols}, std::pair{"tokens", &bench.tokens},
        std::pair{"context", &bench.context}}) {
    const Result<uint64_t> size = size_property(object, name, 4294967295.0);
    if (!size.ok()) return size.status;
    *target = static_cast<size_t>(size.value);
  }
  const Result<uint64_t> threads = size_property(object, "threads", 1024);
  if (!threads.ok()) return threads.status;
  const Result<double> seconds = number_property(object, "seconds", 0, 3600);
  if (!seconds.ok()) return seconds.status;
  bench.threads = static_cast<unsigned>(threads.value);
  bench.seconds = seconds.value;
  return bench;
}

Napi::Value bench_kernel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Result<KernelBench> bench = read_bench(info[0]);
  if (!bench.ok()) {
    throw_status(env, bench.status);
    return env.Undefined();
  }
  const auto work = [bench = bench.value](Job&) -> Result<Job::Completion> {
    const Result<KernelBenchResult> result = run_kernel_bench(bench);
    if (!result.ok()) return result.status;
    return Job::Completion(
        [result = result.value, instruction = bench.kernels->probe.instruction](Napi::Env js) {
          Napi::Object object = Napi::Object::New(js);
          object.Set("medianSeconds", result.median_seconds);
          object.Set("minSeconds", result.min_seconds);
          object.Set("calls", static_cast<double>(result.calls));
          object.Set("bytes", result.bytes);
          object.Set("operations", result.operations);
          object.Set("instruction", instruction);
          return object;
        });
  };
  return Job::start(env, work, {}, {});
}

}  // namespace

void register_kernel_bench(Napi::Env env, Napi::Object exports) {
  exports.Set("benchKernel", Napi::Function::New<bench_kernel>(env, "benchKernel"));
}

}  // namespace openelm
