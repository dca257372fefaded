#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "runtime/status.h"

namespace openelm {

/// Work on a thread of its own, with a promise for its result. Not libuv's pool: a generation may run for
/// minutes, and four of them would stop every file read of the process.
///
/// The work never touches JavaScript. It may post callbacks, which run on the JavaScript thread in order and
/// before the promise settles. When the environment ends (a worker thread is terminated, the process exits),
/// `interrupt` is called and the thread is joined; callbacks not yet run are dropped.
class Job {
 public:
  using Callback = std::function<void(Napi::Env)>;
  /// What the promise resolves to, made on the JavaScript thread.
  using Completion = std::function<Napi::Value(Napi::Env)>;
  using Work = std::function<Result<Completion>(Job&)>;

  /// `interrupt` must make the work return soon; `settled` runs on the JavaScript thread just before the
  /// promise settles. Both may be empty.
  static Napi::Value start(Napi::Env env, Work work, std::function<void()> interrupt,
                           std::function<void()> settled);

  /// Called by the work: runs on the JavaScript thread soon.
  void post(Callback callback);

 private:
  Job(Napi::Env env, std::function<void()> interrupt, std::function<void()> settled);
  void settle(Napi::Env env, const Result<Completion>& result);

  Napi::Promise::Deferred deferred_;
  std::function<void()> interrupt_, settled_;
  Napi::ThreadSafeFunction queue_;
  std::thread thread_;
};

}  // namespace openelm
