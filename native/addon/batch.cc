#include "addon/batch.h"

#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "addon/generate.h"
#include "addon/instance_data.h"
#include "addon/session.h"
#include "addon/tokenizer.h"
#include "model/batch/batch_engine.h"

namespace openelm {
namespace {

/// A batch engine with its thread, and who waits for what on the JavaScript thread. Everything here but the
/// engine is used there only. When the environment ends the engine is closed and its thread joined; what it
/// still had to say is dropped.
class BatchThread : public std::enable_shared_from_this<BatchThread> {
 public:
  static std::shared_ptr<BatchThread> start(Napi::Env env, std::unique_ptr<BatchEngine> engine) {
    const auto self = std::make_shared<BatchThread>(std::move(engine));
    const Napi::Function unused = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    self->queue_ = Napi::ThreadSafeFunction::New(env, unused, "openelm batch", 0, 1, [self](Napi::Env) {
      self->engine_->close();
      self->thread_.join();
    });
    self->queue_.Unref(env);
    self->thread_ = std::thread([thread = self.get()] {
      thread->engine_->run();
      thread->post([thread](Napi::Env js) {
        if (thread->closed_) thread->closed_->Resolve(js.Undefined());
      });
      thread->queue_.Release();
    });
    return self;
  }

  explicit BatchThread(std::unique_ptr<BatchEngine> engine) : engine_(std::move(engine)) {}

  BatchEngine& engine() { return *engine_; }

  Napi::Value generate(Napi::Env env, uint64_t id, GenerateRequest request, const Napi::Function& on_piece) {
    SequenceSink sink;
    sink.piece = [this, id](std::string text) {
      post([this, id, text = std::move(text)](Napi::Env js) { deliver(js, id, text); });
    };
    sink.done = [this, id](Result<GenerateResult> result) {
      post([this, id, result = std::move(result)](Napi::Env js) { settle(js, id, result); });
    };
    if (Status status = engine_->submit(id, std::move(request), std::move(sink)); !status.ok()) {
      throw_status(env, status);
      return env.Undefined();
    }
    // An idle batch does not keep the process alive; one that works does.
    if (pending_.empty()) queue_.Ref(env);
    const auto entry =
        pending_.emplace(id, Pending{Napi::Promise::Deferred::New(env), Napi::Persistent(on_piece)});
    return entry.first->second.promise.Promise();
  }

  /// Resolves when the thread has ended and every generation has settled.
  Napi::Value close(Napi::Env env) {
    if (!closed_) {
      closed_ = std::make_unique<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
      if (pending_.empty()) queue_.Ref(env);
      engine_->close();
    }
    return closed_->Promise();
  }

 private:
  struct Pending {
    Napi::Promise::Deferred promise;
    Napi::FunctionReference on_piece;
  };
  using Callback = std::function<void(Napi::Env)>;

  /// From the engine's thread: runs on the JavaScript thread soon, in order.
  void post(Callback callback) {
    auto* owned = new Callback(std::move(callback));
    const auto call = [](Napi::Env env, Napi::Function, Callback* run) {
      const std::unique_ptr<Callback> once(run);
      if (env == nullptr) return;
      const Napi::HandleScope scope(env);
      (*once)(env);
    };
    if (queue_.NonBlockingCall(owned, call) != napi_ok) delete owned;
  }

  void deliver(Napi::Env env, uint64_t id, const std::string& text) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;
    found->second.on_piece.Call({Napi::String::New(env, text)});
    // A callback that throws ends its generation.
    if (env.IsExceptionPending()) engine_->cancel(id);
  }

  void settle(Napi::Env env, uint64_t id, const Result<GenerateResult>& result) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;
    const Napi::Promise::Deferred promise = found->second.promise;
    pending_.erase(found);
    if (pending_.empty() && !closed_) queue_.Unref(env);
    if (result.ok())
      promise.Resolve(to_object(env, result.value));
    else
      promise.Reject(to_error(env, result.status).Value());
  }

  const std::unique_ptr<BatchEngine> engine_;
  Napi::ThreadSafeFunction queue_;
  std::thread thread_;
  std::map<uint64_t, Pending> pending_;
  std::unique_ptr<Napi::Promise::Deferred> closed_;
};

class BatchObject : public Napi::ObjectWrap<BatchObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Batch",
                       {
                           InstanceAccessor<&BatchObject::kv_bytes>("kvBytes"),
                           InstanceMethod<&BatchObject::generate>("generate"),
                           InstanceMethod<&BatchObject::cancel>("cancel"),
                           InstanceMethod<&BatchObject::close>("close"),
                       });
  }

  explicit BatchObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  ~BatchObject() {
    if (thread_) thread_->engine().close();
  }

  void adopt(std::shared_ptr<BatchThread> thread) { thread_ = std::move(thread); }

 private:
  Napi::Value kv_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(thread_->engine().kv_bytes()));
  }

  static uint64_t read_id(const Napi::Value& value) {
    return static_cast<uint64_t>(value.ToNumber().Int64Value());
  }

  Napi::Value generate(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Result<GenerateRequest> request = read_generate_request(info[1], info[2]);
    Status status = request.status;
    if (status.ok() && !info[3].IsFunction())
      status = Status(Code::invalid, "Expected a function for onPiece");
    if (!status.ok()) {
      if (!env.IsExceptionPending()) throw_status(env, status);
      return env.Undefined();
    }
    return thread_->generate(env, read_id(info[0]), std::move(request.value), info[3].As<Napi::Function>());
  }

  void cancel(const Napi::CallbackInfo& info) { thread_->engine().cancel(read_id(info[0])); }

  Napi::Value close(const Napi::CallbackInfo& info) { return thread_->close(info.Env()); }

  std::shared_ptr<BatchThread> thread_;
};

Result<BatchOptions> read_batch_options(const Napi::Value& value) {
  if (!value.IsObject()) return Status(Code::invalid, "Expected an object of options");
  const Napi::Object object = value.As<Napi::Object>();
  BatchOptions options;
  constexpr double kMost = 1 << 24;
  for (const auto& [name, target] :
       {std::pair{"slots", &options.slots}, std::pair{"nCtx", &options.n_ctx},
        std::pair{"nBatch", &options.n_batch}, std::pair{"stepTokens", &options.step_tokens}}) {
    const Result<uint64_t> size = size_property(object, name, kMost);
    if (!size.ok()) return size.status;
    if (size.value == 0) return Status(Code::invalid, std::string("Expected a positive number for ") + name);
    *target = static_cast<size_t>(size.value);
  }
  const Result<KvType> type = read_kv_type(object.Get("kvType"));
  if (!type.ok()) return type.status;
  options.kv_type = type.value;
  return options;
}

}  // namespace

Napi::Value new_batch_object(Napi::Env env, std::shared_ptr<Model> model, const Napi::Value& tokenizer_value,
                             const Napi::Value& options_value) {
  const Result<BatchOptions> options = read_batch_options(options_value);
  std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(tokenizer_value);
  Status status = options.status;
  if (status.ok() && !tokenizer) status = Status(Code::invalid, "Expected a Tokenizer");
  Result<std::unique_ptr<BatchEngine>> engine(status);
  if (status.ok()) engine = BatchEngine::create(std::move(model), std::move(tokenizer), options.value);
  if (!engine.ok()) {
    if (!env.IsExceptionPending()) throw_status(env, engine.status);
    return env.Undefined();
  }
  const Napi::Object object = env.GetInstanceData<InstanceData>()->batch_class.New({});
  if (env.IsExceptionPending()) return env.Undefined();
  BatchObject::Unwrap(object)->adopt(BatchThread::start(env, std::move(engine.value)));
  return object;
}

void register_batch(Napi::Env env) {
  env.GetInstanceData<InstanceData>()->batch_class = Napi::Persistent(BatchObject::define(env));
}

}  // namespace openelm
