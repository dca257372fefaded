#include "addon/job.h"

#include "addon/errors.h"

namespace openelm {

Job::Job(Napi::Env env, std::function<void()> interrupt, std::function<void()> settled)
    : deferred_(Napi::Promise::Deferred::New(env)),
      interrupt_(std::move(interrupt)),
      settled_(std::move(settled)) {}

Napi::Value Job::start(Napi::Env env, Work work, std::function<void()> interrupt,
                       std::function<void()> settled) {
  Job* job = new Job(env, std::move(interrupt), std::move(settled));
  const Napi::Function unused = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  job->queue_ = Napi::ThreadSafeFunction::New(env, unused, "openelm", 0, 1, [job](Napi::Env) {
    // Runs on the JavaScript thread after the last callback, or when the environment ends.
    if (job->interrupt_) job->interrupt_();
    if (job->thread_.joinable()) job->thread_.join();
    delete job;
  });
  const Napi::Promise promise = job->deferred_.Promise();
  job->thread_ = std::thread([job, work = std::move(work)] {
    auto result = std::make_shared<Result<Completion>>(work(*job));
    job->post([job, result](Napi::Env js) { job->settle(js, *result); });
    job->queue_.Release();
  });
  return promise;
}

void Job::post(Callback callback) {
  auto* owned = new Callback(std::move(callback));
  const auto call = [](Napi::Env env, Napi::Function, Callback* run) {
    const std::unique_ptr<Callback> once(run);
    if (env == nullptr) return;
    const Napi::HandleScope scope(env);
    (*once)(env);
  };
  if (queue_.NonBlockingCall(owned, call) != napi_ok) delete owned;
}

void Job::settle(Napi::Env env, const Result<Completion>& result) {
  interrupt_ = nullptr;
  if (settled_) settled_();
  if (!result.ok()) {
    deferred_.Reject(to_error(env, result.status).Value());
    return;
  }
  const Napi::Value value = result.value(env);
  if (env.IsExceptionPending())
    deferred_.Reject(env.GetAndClearPendingException().Value());
  else
    deferred_.Resolve(value);
}

}  // namespace openelm
