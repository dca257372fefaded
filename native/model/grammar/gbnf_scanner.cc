#include "model/grammar/gbnf_scanner.h"

#include <algorithm>
#include <utility>

#include "model/tokenizer/utf8.h"

namespace openelm {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void GbnfScanner::advance() {
  if (at_end()) return;
  const char c = text_[at_++];
  const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  if (c == '\n')
    place_ = {place_.line + 1, 1};
  else if (!continues)
    ++place_.column;
}

bool GbnfScanner::take(std::string_view word) {
  if (!text_.substr(std::min(at_, text_.size())).starts_with(word)) return false;
  for (size_t i = 0; i < word.size(); ++i) advance();
  return true;
}

bool GbnfScanner::take_newline() {
  return take("\r\n") || take("\n") || take("\r");
}

void GbnfScanner::skip_space(bool newlines) {
  while (!at_end()) {
    const char c = peek();
    if (c == '#') {
      while (!at_end() && peek() != '\n' && peek() != '\r') advance();
    } else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
      advance();
    } else {
      return;
    }
  }
}

std::string GbnfScanner::name() {
  std::string name;
  for (; is_name(peek()); advance()) name += peek();
  return name;
}

std::vector<uint32_t> GbnfScanner::literal() {
  const Place begin = place_;
  std::vector<uint32_t> codes;
  take("\"");
  while (!take("\"")) {
    if (!ok()) return codes;
    if (at_end() || peek() == '\n') {
      fail_at(begin, "This literal is not closed on its line; a newline in it is written \\n");
      return codes;
    }
    codes.push_back(character());
  }
  return codes;
}

std::vector<CodeRange> GbnfScanner::char_class() {
  const Place begin = place_;
  take("[");
  const bool negated = take("^");
  std::vector<CodeRange> ranges;
  while (!take("]")) {
    if (!ok()) return ranges;
    if (at_end() || peek() == '\n') {
      fail_at(begin, "This character class is not closed on its line");
      return ranges;
    }
    const Place place = place_;
    const uint32_t low = character();
    uint32_t high = low;
    // A - before the end is a character like others.
    if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
      take("-");
      high = character();
    }
    if (ok() && high < low) fail_at(place, "The ends of this range are in the wrong order");
    ranges.push_back({low, high});
  }
  ranges = normalize(std::move(ranges));
  if (negated) return complement(ranges);
  if (ok() && ranges.empty()) fail_at(begin, "This character class matches nothing");
  return ranges;
}

uint32_t GbnfScanner::character() {
  const Place place = place_;
  if (take("\\")) return escape(place);
  const Utf8Char next = decode_utf8(text_.substr(at_));
  if (next.code == kInvalidChar) {
    fail("The text is not valid UTF-8");
    return 0;
  }
  for (uint32_t i = 0; i < next.length; ++i) advance();
  return next.code;
}

uint32_t GbnfScanner::escape(const Place& place) {
  const char c = peek();
  advance();
  int digits = 0;
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '\\':
    case '"':
    case '\'':
    case '[':
    case ']':
    case '-':
    case '^':
    case '/':
      return static_cast<uint32_t>(c);
    case 'x':
      digits = 2;
      break;
    case 'u':
      digits = 4;
      break;
    case 'U':
      digits = 8;
      break;
    default:
      fail_at(
          place,
          "Unknown escape; there are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH and \\UHHHHHHHH");
      return 0;
  }
  uint64_t code = 0;
  for (int i = 0; i < digits; ++i, advance()) {
    const int digit = hex_digit(peek());
    if (digit < 0) {
      fail_at(place, std::string("\\") + c + " needs " + std::to_string(digits) + " hexadecimal digits");
      return 0;
    }
    code = code * 16 + static_cast<uint64_t>(digit);
  }
  if (code > kMaxCodePoint || (code >= 0xD800 && code <= 0xDFFF)) {
    fail_at(place, "This is not the number of a character; those above FFFF are written \\UHHHHHHHH");
    return 0;
  }
  return static_cast<uint32_t>(code);
}

void GbnfScanner::fail_at(const Place& place, const std::string& why) {
  if (status_.ok()) {
    const std::string where = std::to_string(place.line) + ":" + std::to_string(place.column);
    status_ = Status(Code::grammar, where + ": " + why);
  }
  at_ = text_.size();
}

}  // namespace openelm
