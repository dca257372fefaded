#include "addon/session.h"

#include <span>
#include <string>
#include <vector>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "addon/generate.h"
#include "addon/instance_data.h"
#include "addon/job.h"
#include "addon/tokenizer.h"
#include "addon/tokenizer_args.h"
#include "model/session.h"

namespace openelm {
namespace {

Result<LogitsMode> read_logits_mode(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "none") return LogitsMode::none;
  if (name == "last") return LogitsMode::last;
  if (name == "all") return LogitsMode::all;
  return Status(Code::invalid, "Expected none, last or all for logits");
}

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Session",
                       {
                           InstanceAccessor<&SessionObject::n_ctx>("nCtx"),
                           InstanceAccessor<&SessionObject::n_past>("nPast"),
                           InstanceAccessor<&SessionObject::kv_bytes>("kvBytes"),
                           InstanceMethod<&SessionObject::truncate>("truncate"),
                           InstanceMethod<&SessionObject::evaluate>("evaluate"),
                           InstanceMethod<&SessionObject::generate>("generate"),
                           InstanceMethod<&SessionObject::kv_position_bytes>("kvPositionBytes"),
                           InstanceMethod<&SessionObject::read_kv>("readKv"),
                           InstanceMethod<&SessionObject::write_kv>("writeKv"),
                           InstanceMethod<&SessionObject::reusable>("reusable"),
                           InstanceMethod<&SessionObject::adopt_ids>("adopt"),
                           InstanceMethod<&SessionObject::abort>("abort"),
                           InstanceMethod<&SessionObject::dispose>("dispose"),
                       });
  }

  explicit SessionObject(const Napi::CallbackInfo& info)
      : ObjectWrap(info), busy_(std::make_shared<bool>(false)) {}

  void adopt(std::unique_ptr<Session> session) { session_ = std::move(session); }

 private:
  Napi::Value n_ctx(const Napi::CallbackInfo& info) { return count(info, session_ ? session_->n_ctx() : 0); }
  Napi::Value kv_bytes(const Napi::CallbackInfo& info) {
    return count(info, session_ ? session_->kv_bytes() : 0);
  }
  Napi::Value n_past(const Napi::CallbackInfo& info) {
    // While a call runs its thread owns the session: what was there before is what can be told.
    return count(info, *busy_ ? past_before_ : session_ ? session_->n_past() : 0);
  }

  static Napi::Value count(const Napi::CallbackInfo& info, size_t value) {
    return Napi::Number::New(info.Env(), static_cast<double>(value));
  }

  /// Whether the session can be used now; throws otherwise.
  bool ready(Napi::Env env) {
    if (!session_)
      throw_status(env, Status(Code::disposed, "The session was disposed"));
    else if (*busy_)
      throw_status(env, Status(Code::invalid, "The session is busy with another call"));
    return session_ && !*busy_;
  }

  void truncate(const Napi::CallbackInfo& info) {
    if (!ready(info.Env())) return;
    const double n = info[0].ToNumber().DoubleValue();
    if (!(n >= 0)) return throw_status(info.Env(), Status(Code::invalid, "Expected a position"));
    session_->truncate(n < 1e15 ? static_cast<size_t>(n) : session_->n_past());
  }

  /// Starts work on the session's own thread, during which no other call is accepted.
  Napi::Value start(Napi::Env env, Job::Work work, std::function<void()> settled) {
    past_before_ = session_->n_past();
    *busy_ = true;
    session_->resume();
    const std::shared_ptr<Session> session = session_;
    return Job::start(
        env, std::move(work), [session] { session->abort(); },
        [busy = busy_, settled = std::move(settled)] {
          *busy = false;
          if (settled) settled();
        });
  }

  Napi::Value evaluate(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!ready(env)) return env.Undefined();
    std::span<const int32_t> given;
    const Result<LogitsMode> mode = read_logits_mode(info[1]);
    const Status status = mode.ok() ? read_ids(info[0], given) : mode.status;
    if (!status.ok()) {
      throw_status(env, status);
      return env.Undefined();
    }
    size_t rows = 0;
    if (mode.value == LogitsMode::all) rows = given.size();
    if (mode.value == LogitsMode::last && !given.empty()) rows = 1;
    const size_t vocab = session_->model().config().vocab_size;
    // The array is JavaScript's own memory, filled by the thread; the reference keeps it until the promise
    // settles.
    Napi::Float32Array logits = Napi::Float32Array::New(env, rows * vocab);
    if (env.IsExceptionPending()) return env.Undefined();
    const auto keep = std::make_shared<Napi::ObjectReference>(Napi::Persistent(logits.As<Napi::Object>()));
    float* data = rows == 0 ? nullptr : logits.Data();
    const auto work = [session = session_, ids = std::vector<int32_t>(given.begin(), given.end()),
                       mode = mode.value, data, keep](Job&) -> Result<Job::Completion> {
      if (Status failure = session->evaluate(ids, mode, data); !failure.ok()) return failure;
      return Job::Completion([keep](Napi::Env) -> Napi::Value { return keep->Value(); });
    };
    return start(env, work, [keep] {});
  }

  Napi::Value generate(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!ready(env)) return env.Undefined();
    const std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(info[0]);
    Result<GenerateRequest> request = read_generate_request(info[1], info[2]);
    Status status = request.status;
    if (status.ok() && !tokenizer) status = Status(Code::invalid, "Expected a Tokenizer");
    if (status.ok() && !info[3].IsFunction())
      status = Status(Code::invalid, "Expected a function for onPiece");
    if (!status.ok()) {
      if (!env.IsExceptionPending()) throw_status(env, status);
      return env.Undefined();
    }
    const auto on_piece =
        std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[3].As<Napi::Function>()));
    const auto work = generate_work(session_, tokenizer, std::move(request.value), on_piece);
    return start(env, work, [on_piece] {});
  }

  /// A whole number within [0, most], else most + 1.
  static size_t number(const Napi::Value& value, size_t most) {
    const double given = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    return given >= 0 && given <= static_cast<double>(most) ? static_cast<size_t>(given) : most + 1;
  }
  size_t layers() const { return session_->model().config().kv_heads.size(); }

  Napi::Value kv_position_bytes(const Napi::CallbackInfo& info) {
    if (!ready(info.Env())) return info.Env().Undefined();
    const size_t layer = number(info[0], layers() - 1);
    return count(info, layer < layers() ? session_->kv().position_bytes(layer) : 0);
  }

  Napi::Value read_kv(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!ready(env)) return env.Undefined();
    const size_t layer = number(info[0], layers() - 1), n = number(info[1], session_->n_past());
    if (layer >= layers() || n > session_->n_past()) {
      throw_status(env, Status(Code::invalid, "Expected a layer and a number of tokens that are there"));
      return env.Undefined();
    }
    Napi::Uint8Array bytes = Napi::Uint8Array::New(env, n * session_->kv().position_bytes(layer));
    if (env.IsExceptionPending()) return env.Undefined();
    if (Status status = session_->kv().read_positions(layer, n, bytes.Data()); !status.ok()) {
      throw_status(env, status);
      return env.Undefined();
    }
    return bytes;
  }

  void write_kv(const Napi::CallbackInfo& info) {
    if (!ready(info.Env())) return;
    constexpr size_t kMost = 1 << 24;
    const size_t layer = number(info[0], layers() - 1), n = number(info[2], kMost);
    const size_t taken = number(info[3], session_->n_ctx());
    const bool bytes =
        info[1].IsTypedArray() && info[1].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
    if (layer >= layers() || !bytes || taken > n || taken > session_->n_ctx() ||
        info[1].As<Napi::Uint8Array>().ElementLength() != n * session_->kv().position_bytes(layer))
      return throw_status(info.Env(), Status(Code::invalid, "Expected the bytes of a layer's positions"));
    const Status status =
        session_->kv().write_positions(layer, info[1].As<Napi::Uint8Array>().Data(), n, taken);
    if (!status.ok()) throw_status(info.Env(), status);
  }

  Napi::Value reusable(const Napi::CallbackInfo& info) {
    if (!ready(info.Env())) return info.Env().Undefined();
    constexpr size_t kMost = 1 << 24;
    const size_t common = number(info[0], kMost), before = number(info[1], kMost),
                 now = number(info[2], kMost);
    const bool fits = common <= before && common <= now && now <= kMost;
    return count(info, fits ? session_->reusable(common, before, now) : 0);
  }

  void adopt_ids(const Napi::CallbackInfo& info) {
    if (!ready(info.Env())) return;
    std::span<const int32_t> ids;
    Status status = read_ids(info[0], ids);
    if (status.ok() && ids.size() > session_->n_ctx())
      status = Status(Code::invalid, "Expected at most as many ids as the context has positions");
    for (const int32_t id : ids) {
      if (id < 0 || static_cast<size_t>(id) >= session_->model().config().vocab_size)
        status = Status(Code::invalid, "Expected ids of the vocabulary");
    }
    if (!status.ok()) return throw_status(info.Env(), status);
    session_->adopt({ids.begin(), ids.end()});
  }

  void abort(const Napi::CallbackInfo& /*info*/) {
    if (session_) session_->abort();
  }

  void dispose(const Napi::CallbackInfo& /*info*/) {
    if (session_) session_->abort();
    session_.reset();
  }

  std::shared_ptr<Session> session_;
  std::shared_ptr<bool> busy_;  // read and written on the JavaScript thread only
  size_t past_before_ = 0;
};

}  // namespace

Result<KvType> read_kv_type(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "f32") return KvType::f32;
  if (name == "f16") return KvType::f16;
  if (name == "q8_0") return KvType::q8_0;
  return Status(Code::invalid, "Expected f32, f16 or q8_0 for the kv cache");
}

Napi::Value new_session_object(Napi::Env env, std::shared_ptr<Model> model, const Napi::Value& n_ctx,
                               const Napi::Value& kv_type, const Napi::Value& n_batch) {
  constexpr double kMost = 1 << 24;
  const auto size = [](const Napi::Value& value) {
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
    return number >= 1 && number <= kMost ? static_cast<size_t>(number) : 0;
  };
  const Result<KvType> type = read_kv_type(kv_type);
  Status status = type.status;
  if (status.ok() && (size(n_ctx) == 0 || size(n_batch) == 0))
    status = Status(Code::invalid, "Expected positive whole numbers for nCtx and nBatch");
  Result<std::unique_ptr<Session>> session(status);
  if (status.ok()) session = Session::create(std::move(model), size(n_ctx), type.value, size(n_batch));
  if (!session.ok()) {
    throw_status(env, session.status);
    return env.Undefined();
  }
  const Napi::Object object = env.GetInstanceData<InstanceData>()->session_class.New({});
  if (env.IsExceptionPending()) return env.Undefined();
  SessionObject::Unwrap(object)->adopt(std::move(session.value));
  return object;
}

void register_session(Napi::Env env) {
  env.GetInstanceData<InstanceData>()->session_class = Napi::Persistent(SessionObject::define(env));
}

}  // namespace openelm
