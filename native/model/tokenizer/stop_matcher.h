#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace openelm {

/// Looks for stop strings in streamed text. Text that may turn out to be the beginning of one is held back,
/// so that what was emitted never has to be taken back; the result does not depend on how the text was split.
/// The string that is complete first counts, the longest of those that end at the same byte.
class StopMatcher {
 public:
  /// Empty strings are ignored.
  explicit StopMatcher(std::span<const std::string> stops);

  /// Takes more text (whole characters) and returns what may be shown. After a match: nothing.
  std::string push(std::string_view text);
  /// The text held back when the stream ends without a match.
  std::string flush();
  /// The stop string found, as it was given.
  const std::optional<std::string>& matched() const { return matched_; }

 private:
  struct Stop {
    std::string text;
    std::vector<size_t> failure;  // Knuth-Morris-Pratt
    size_t state = 0;             // bytes at the end of the text that begin this string

    void advance(char byte);
  };

  std::vector<Stop> stops_;
  std::string held_;
  std::optional<std::string> matched_;
};

}  // namespace openelm
