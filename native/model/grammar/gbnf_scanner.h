#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/grammar/utf8_ranges.h"
#include "runtime/status.h"

namespace openelm {

/// Where something is in a text: both from 1, columns in characters.
struct Place {
  uint32_t line = 1, column = 1;
};

/// The words of GBNF: what the parser reads them with. The first failure stays; the text then is at its end.
class GbnfScanner {
 public:
  explicit GbnfScanner(std::string_view text) : text_(text) {}

  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  bool at_end() const noexcept { return at_ >= text_.size(); }
  /// The next byte; 0 at the end.
  char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
  void advance();
  /// Goes past `word` if it comes next.
  bool take(std::string_view word);
  bool take_newline();
  /// Goes past blanks and comments, and past ends of lines where `newlines`.
  void skip_space(bool newlines);

  /// The name that comes next; empty when none does.
  std::string name();
  /// The characters of "…".
  std::vector<uint32_t> literal();
  /// The characters of […] or [^…], normalized.
  std::vector<CodeRange> char_class();

  Place place() const noexcept { return place_; }
  bool ok() const noexcept { return status_.ok(); }
  const Status& status() const noexcept { return status_; }
  void fail(const std::string& why) { fail_at(place_, why); }
  void fail_at(const Place& place, const std::string& why);

 private:
  uint32_t character();
  uint32_t escape(const Place& place);

  std::string_view text_;
  size_t at_ = 0;
  Place place_;
  Status status_;
};

}  // namespace openelm
