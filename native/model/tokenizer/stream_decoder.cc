#include "model/tokenizer/stream_decoder.h"

namespace openelm {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool special, bool strip_space)
    : tokenizer_(tokenizer), special_(special), strip_(strip_space && tokenizer.vocab().add_space_prefix) {}

std::string StreamDecoder::push(int32_t id) {
  std::string text;
  std::string_view bytes = tokenizer_.piece_bytes(id, special_);
  if (bytes.empty()) return text;
  if (strip_ && tokenizer_.begins_with_space(id)) bytes.remove_prefix(1);
  strip_ = false;
  utf8_.push(bytes, text);
  return text;
}

std::string StreamDecoder::flush() {
  std::string text;
  utf8_.flush(text);
  return text;
}

}  // namespace openelm
