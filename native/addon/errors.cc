#include "addon/errors.h"

namespace openelm {
namespace {

const char* name_of(Code code) {
  switch (code) {
    case Code::ok:
      return "OK";
    case Code::invalid:
      return "INVALID";
    case Code::io:
      return "IO";
    case Code::memory:
      return "MEMORY";
    case Code::context_full:
      return "CONTEXT_FULL";
    case Code::grammar:
      return "GRAMMAR";
    case Code::aborted:
      return "ABORTED";
    case Code::disposed:
      return "DISPOSED";
    case Code::device:
      return "DEVICE";
    case Code::internal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

}  // namespace

Napi::Error to_error(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message());
  error.Set("code", Napi::String::New(env, name_of(status.code())));
  return error;
}

void throw_status(Napi::Env env, const Status& status) {
  to_error(env, status).ThrowAsJavaScriptException();
}

}  // namespace openelm
