#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace openelm {

/// One decoded character: `length` bytes were read; `code` is kInvalidChar when they are not valid UTF-8.
struct Utf8Char {
  uint32_t code;
  uint32_t length;
};

inline constexpr uint32_t kInvalidChar = 0xFFFFFFFF;
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";    // U+2581, SentencePiece's visible space
inline constexpr uint32_t kSpaceMarkCode = 0x2581;

/// First character of a text that is not empty. Invalid bytes are read one at a time, as SentencePiece does;
/// overlong forms, surrogates and values above U+10FFFF are invalid.
Utf8Char decode_utf8(std::string_view text);

/// Text with each space as U+2581 and each invalid byte as U+FFFD: SentencePiece's identity normalizer.
std::string escape_spaces(std::string_view text);

/// Text with each U+2581 as a space.
std::string unescape_spaces(std::string_view text);

/// Makes valid UTF-8 of bytes that arrive in any split. Ill-formed sequences become U+FFFD, one for each
/// maximal subpart (Unicode 15, section 3.9; what TextDecoder does); an incomplete character is held until
/// the rest arrives.
class Utf8Stream {
 public:
  /// Appends to `out` every character that `bytes` completes.
  void push(std::string_view bytes, std::string& out);
  /// Appends U+FFFD if a character was left incomplete.
  void flush(std::string& out);
  bool pending() const { return have_ > 0; }

 private:
  void push_byte(unsigned char byte, std::string& out);
  void start(unsigned char byte, std::string& out);

  char held_[4] = {};
  unsigned have_ = 0;
  unsigned need_ = 0;
  unsigned char low_ = 0x80;  // range of the next continuation byte
  unsigned char high_ = 0xBF;
};

}  // namespace openelm
