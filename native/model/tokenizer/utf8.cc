#include "model/tokenizer/utf8.h"

namespace openelm {

namespace {

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

}  // namespace

Utf8Char decode_utf8(std::string_view text) {
  const auto* s = reinterpret_cast<const unsigned char*>(text.data());
  const size_t n = text.size();
  const uint32_t lead = s[0];
  if (lead < 0x80) return {lead, 1};
  if ((lead & 0xE0) == 0xC0 && n >= 2 && is_continuation(s[1])) {
    const uint32_t code = (lead & 0x1F) << 6 | (s[1] & 0x3Fu);
    if (code >= 0x80) return {code, 2};
  } else if ((lead & 0xF0) == 0xE0 && n >= 3 && is_continuation(s[1]) && is_continuation(s[2])) {
    const uint32_t code = (lead & 0x0F) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {code, 3};
  } else if ((lead & 0xF8) == 0xF0 && n >= 4 && is_continuation(s[1]) && is_continuation(s[2]) &&
             is_continuation(s[3])) {
    const uint32_t code = (lead & 0x07) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
    if (code >= 0x10000 && code <= 0x10FFFF) return {code, 4};
  }
  return {kInvalidChar, 1};
}

std::string escape_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.code == ' ') {
      out += kSpaceMark;
    } else if (c.code == kInvalidChar) {
      out += kReplacement;
    } else {
      out.append(text.data(), c.length);
    }
    text.remove_prefix(c.length);
  }
  return out;
}

std::string unescape_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.starts_with(kSpaceMark)) {
      out += ' ';
      text.remove_prefix(kSpaceMark.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) push_byte(static_cast<unsigned char>(byte), out);
}

void Utf8Stream::flush(std::string& out) {
  if (have_ > 0) out += kReplacement;
  have_ = need_ = 0;
}

void Utf8Stream::push_byte(unsigned char byte, std::string& out) {
  if (have_ == 0) return start(byte, out);
  if (byte < low_ || byte > high_) {  // ends the ill-formed part and may itself begin a character
    out += kReplacement;
    have_ = need_ = 0;
    return start(byte, out);
  }
  low_ = 0x80;
  high_ = 0xBF;
  held_[have_++] = static_cast<char>(byte);
  if (have_ < need_) return;
  out.append(held_, have_);
  have_ = need_ = 0;
}

void Utf8Stream::start(unsigned char byte, std::string& out) {
  low_ = 0x80;
  high_ = 0xBF;
  if (byte < 0x80) {
    out += static_cast<char>(byte);
    return;
  }
  if (byte >= 0xC2 && byte <= 0xDF) {
    need_ = 2;
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    need_ = 3;
    if (byte == 0xE0) low_ = 0xA0;
    if (byte == 0xED) high_ = 0x9F;
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    need_ = 4;
    if (byte == 0xF0) low_ = 0x90;
    if (byte == 0xF4) high_ = 0x8F;
  } else {
    out += kReplacement;
    return;
  }
  held_[0] = static_cast<char>(byte);
  have_ = 1;
}

}  // namespace openelm
