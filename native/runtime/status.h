#pragma once

// Errors without exceptions: a code for programs, a sentence for people. The addon turns them into JavaScript
// errors.

#include <string>
#include <utility>

namespace openelm {

/// device: a GPU or its driver failed; internal: a bug of the engine.
enum class Code { ok, invalid, io, memory, context_full, grammar, aborted, disposed, device, internal };

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const noexcept { return code_ == Code::ok; }
  Code code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }

 private:
  Code code_ = Code::ok;
  std::string message_;
};

/// A value or why there is none.
template <class T>
struct [[nodiscard]] Result {
  Result(T v) : value(std::move(v)) {}        // NOLINT: a value converts to its result
  Result(Status s) : status(std::move(s)) {}  // NOLINT: so does a failure
  bool ok() const noexcept { return status.ok(); }

  Status status;
  T value{};
};

}  // namespace openelm
