#include "addon/model.h"

#include <memory>

#include "addon/arguments.h"
#include "addon/batch.h"
#include "addon/errors.h"
#include "addon/file_copy.h"
#include "addon/gpu.h"
#include "addon/mapped_file.h"
#include "addon/session.h"
#include "cpu/dispatch.h"
#include "model/model.h"

namespace openelm {
namespace {

constexpr double kMostBytes = 9007199254740991.0;

Result<ModelConfig> read_config(const Napi::Object& object) {
  ModelConfig config;
  for (const auto& [name, target] : {std::pair{"dim", &config.dim}, std::pair{"headDim", &config.head_dim},
                                     std::pair{"vocabSize", &config.vocab_size}}) {
    const Result<uint64_t> size = size_property(object, name, 4294967295.0);
    if (!size.ok()) return size.status;
    *target = static_cast<size_t>(size.value);
  }
  for (const auto& [name, target] : {std::pair{"heads", &config.heads},
                                     std::pair{"kvHeads", &config.kv_heads}, std::pair{"ffn", &config.ffn}}) {
    Result<std::vector<uint32_t>> sizes = sizes_property(object, name);
    if (!sizes.ok()) return sizes.status;
    *target = std::move(sizes.value);
  }
  const Result<double> base = number_property(object, "ropeBase", 1, 1e12);
  if (!base.ok()) return base.status;
  const Result<double> eps = number_property(object, "rmsEps", 0, 1);
  if (!eps.ok()) return eps.status;
  config.rope_base = base.value;
  config.rms_eps = static_cast<float>(eps.value);
  return config;
}

Result<TensorInfo> read_tensor(const Napi::Object& object) {
  TensorInfo tensor;
  Result<std::string> name = string_property(object, "name");
  if (!name.ok()) return name.status;
  tensor.name = std::move(name.value);
  const Result<uint64_t> type = size_property(object, "type", 255);
  const Result<uint64_t> rows = size_property(object, "rows", 4294967295.0);
  const Result<uint64_t> cols = size_property(object, "cols", 4294967295.0);
  const Result<uint64_t> offset = size_property(object, "offset", kMostBytes);
  for (const Result<uint64_t>* number : {&type, &rows, &cols, &offset})
    if (!number->ok()) return number->status;
  const DTypeInfo* info = find_dtype(static_cast<uint32_t>(type.value));
  if (!info) return Status(Code::invalid, "Tensor " + tensor.name + " has an unknown type");
  tensor.type = info->type;
  tensor.rows = static_cast<size_t>(rows.value);
  tensor.cols = static_cast<size_t>(cols.value);
  tensor.offset = offset.value;
  return tensor;
}

Result<Model::Source> read_source(const Napi::Object& object) {
  Model::Source source;
  if (object.Has("synthetic")) {
    const Result<uint64_t> type = size_property(object, "synthetic", 255);
    if (!type.ok()) return type.status;
    const DTypeInfo* info = find_dtype(static_cast<uint32_t>(type.value));
    if (!info) return Status(Code::invalid, "Unknown type of synthetic weights");
    source.synthetic = info->type;
    return source;
  }
  source.file.map = mapped_file_of(object.Get("file"));
  if (!source.file.map) return Status(Code::invalid, "Expected a MappedFile for file");
  if (const Napi::Value copy = object.Get("copy"); !copy.IsUndefined()) {
    source.file.copy = file_copy_of(copy, *source.file.map);
    if (!source.file.copy) return Status(Code::invalid, "Expected a FileCopy of the file, read, for copy");
  }
  const Napi::Value list = object.Get("tensors");
  if (!list.IsArray()) return Status(Code::invalid, "Expected an array for tensors");
  const Napi::Array tensors = list.As<Napi::Array>();
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::Value entry = tensors.Get(i);
    if (!entry.IsObject()) return Status(Code::invalid, "Expected objects in tensors");
    Result<TensorInfo> tensor = read_tensor(entry.As<Napi::Object>());
    if (!tensor.ok()) return tensor.status;
    source.tensors.push_back(std::move(tensor.value));
  }
  return source;
}

/// What options say of the GPU; nothing: the CPU. `backend` becomes its name.
Result<Offload> read_offload(const Napi::Object& options, std::string& backend) {
  Offload offload;
  offload.layers = SIZE_MAX;
  if (!options.Get("backend").IsUndefined()) {
    Result<std::string> name = string_property(options, "backend");
    if (!name.ok()) return name.status;
    backend = std::move(name.value);
  }
  if (!options.Get("gpuLayers").IsUndefined()) {
    const Result<uint64_t> layers = size_property(options, "gpuLayers", kMostBytes);
    if (!layers.ok()) return layers.status;
    offload.layers = static_cast<size_t>(layers.value);
  }
  gpu::DeviceOptions device;
  device.chains = options.Get("chains").IsUndefined() || options.Get("chains").ToBoolean().Value();
  Result<OpenGpu> gpu = open_gpu(offload.layers > 0 ? backend : "cpu", device);
  if (!gpu.ok()) return gpu.status;
  backend = gpu.value.backend;
  offload.device = std::move(gpu.value.device);
  return offload;
}

/// Whether options ask for 8-bit activations; nothing: no.
Result<bool> read_activations(const Napi::Object& options) {
  if (options.Get("activations").IsUndefined()) return false;
  const Result<std::string> name = string_property(options, "activations");
  if (!name.ok()) return name.status;
  if (name.value == "auto") return false;
  if (name.value == "int8") return true;
  return Status(Code::invalid, "Unknown activations " + name.value);
}

Result<std::shared_ptr<Model>> create_model(const Napi::CallbackInfo& info, std::string& backend) {
  if (!info[0].IsObject() || !info[1].IsObject() || !info[2].IsObject())
    return Status(Code::invalid, "Expected objects for config, weights and options");
  const Napi::Object options = info[2].As<Napi::Object>();
  Result<ModelConfig> config = read_config(info[0].As<Napi::Object>());
  if (!config.ok()) return config.status;
  Result<Model::Source> source = read_source(info[1].As<Napi::Object>());
  if (!source.ok()) return source.status;
  const Result<uint64_t> threads = size_property(options, "threads", 1024);
  if (!threads.ok()) return threads.status;
  const Result<std::string> isa = string_property(options, "isa");
  if (!isa.ok()) return isa.status;
  const Result<bool> int8 = read_activations(options);
  if (!int8.ok()) return int8.status;
  const KernelTable* kernels = find_kernels(isa.value, int8.value);
  if (!kernels) return Status(Code::invalid, "This machine does not run the variant " + isa.value);
  const Result<Offload> offload = read_offload(options, backend);
  if (!offload.ok()) return offload.status;
  return Model::create(std::move(config.value), std::move(source.value), *kernels,
                       static_cast<unsigned>(std::max<uint64_t>(1, threads.value)), offload.value);
}

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Model",
                       {
                           InstanceAccessor<&ModelObject::weight_bytes>("weightBytes"),
                           InstanceAccessor<&ModelObject::threads>("threads"),
                           InstanceAccessor<&ModelObject::isa>("isa"),
                           InstanceAccessor<&ModelObject::activations>("activations"),
                           InstanceAccessor<&ModelObject::backend>("backend"),
                           InstanceAccessor<&ModelObject::device>("device"),
                           InstanceAccessor<&ModelObject::gpu_layers>("gpuLayers"),
                           InstanceAccessor<&ModelObject::gpu_weight_bytes>("gpuWeightBytes"),
                           InstanceMethod<&ModelObject::create_session>("createSession"),
                           InstanceMethod<&ModelObject::create_batch>("createBatch"),
                           InstanceMethod<&ModelObject::dispose>("dispose"),
                       });
  }

  explicit ModelObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    Result<std::shared_ptr<Model>> model = create_model(info, backend_);
    if (!model.ok()) {
      throw_status(info.Env(), model.status);
      return;
    }
    model_ = std::move(model.value);
    weight_bytes_ = static_cast<double>(model_->weight_bytes());
    threads_ = model_->threads();
    isa_ = model_->kernels().name;
    int8_activations_ = model_->int8_activations();
    gpu_layers_ = static_cast<double>(model_->gpu_layers());
    if (const gpu::DeviceModel* device = model_->device().get()) {
      gpu_weight_bytes_ = static_cast<double>(device->weights().bytes());
      device_ = device->device().info();
    }
  }

 private:
  Napi::Value weight_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), weight_bytes_);
  }
  Napi::Value threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), threads_); }
  Napi::Value isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), isa_); }

  Napi::Value activations(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), int8_activations_ ? "int8" : "auto");
  }

  Napi::Value backend(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), backend_); }
  Napi::Value device(const Napi::CallbackInfo& info) {
    if (gpu_layers_ == 0) return info.Env().Null();
    return to_object(info.Env(), backend_.c_str(), device_);
  }
  Napi::Value gpu_layers(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), gpu_layers_);
  }
  Napi::Value gpu_weight_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), gpu_weight_bytes_);
  }

  /// Whether there is a model; throws otherwise.
  bool ready(Napi::Env env) {
    if (!model_) throw_status(env, Status(Code::disposed, "The model was disposed"));
    return model_ != nullptr;
  }

  Napi::Value create_session(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return ready(env) ? new_session_object(env, model_, info[0], info[1], info[2]) : env.Undefined();
  }

  Napi::Value create_batch(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return ready(env) ? new_batch_object(env, model_, info[0], info[1]) : env.Undefined();
  }

  void dispose(const Napi::CallbackInfo& /*info*/) { model_.reset(); }

  std::shared_ptr<Model> model_;
  double weight_bytes_ = 0;
  unsigned threads_ = 0;
  bool int8_activations_ = false;
  std::string isa_, backend_ = "cpu";
  gpu::DeviceInfo device_;
  double gpu_layers_ = 0, gpu_weight_bytes_ = 0;
};

}  // namespace

void register_model(Napi::Env env, Napi::Object exports) {
  exports.Set("Model", ModelObject::define(env));
}

}  // namespace openelm
