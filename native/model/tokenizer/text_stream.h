#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "model/tokenizer/stop_matcher.h"
#include "model/tokenizer/stream_decoder.h"

namespace openelm {

/// What a generation loop shows of its tokens: decoded text up to the first stop string.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, bool special, bool strip_space, std::span<const std::string> stops)
      : decoder_(tokenizer, special, strip_space), matcher_(stops) {}

  /// Text to show after this token; may be empty.
  std::string push(int32_t id) { return matcher_.push(decoder_.push(id)); }

  /// Text to show at the end, when nothing more comes.
  std::string flush() {
    std::string text = matcher_.push(decoder_.flush());
    return text += matcher_.flush();
  }

  /// The stop string that ended the text.
  const std::optional<std::string>& stopped() const { return matcher_.matched(); }

 private:
  StreamDecoder decoder_;
  StopMatcher matcher_;
};

}  // namespace openelm
