#pragma once

#include <cstdint>
#include <string>

#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8.h"

namespace openelm {

/// Text of ids as they come. Every string returned is whole UTF-8 characters: bytes of one that is not
/// complete are held back, and invalid ones become U+FFFD. The tokenizer must outlive it.
class StreamDecoder {
 public:
  /// `special`: control tokens appear as their piece. `strip_space`: the dummy space of the first token that
  /// shows is dropped, where the vocabulary adds one.
  StreamDecoder(const Tokenizer& tokenizer, bool special, bool strip_space);

  /// Text that the token completes; may be empty.
  std::string push(int32_t id);
  /// What is left at the end: U+FFFD if a character was incomplete.
  std::string flush();
  /// Whether bytes are held back.
  bool pending() const { return utf8_.pending(); }

 private:
  const Tokenizer& tokenizer_;
  const bool special_;
  bool strip_;
  Utf8Stream utf8_;
};

}  // namespace openelm
