#include "model/tokenizer/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace openelm {

StopMatcher::StopMatcher(std::span<const std::string> stops) {
  for (const std::string& text : stops) {
    if (text.empty()) continue;
    Stop stop{text, std::vector<size_t>(text.size(), 0)};
    for (size_t i = 1; i < text.size(); ++i) {
      size_t border = stop.failure[i - 1];
      while (border > 0 && text[i] != text[border]) border = stop.failure[border - 1];
      stop.failure[i] = text[i] == text[border] ? border + 1 : 0;
    }
    stops_.push_back(std::move(stop));
  }
}

void StopMatcher::Stop::advance(char byte) {
  while (state > 0 && text[state] != byte) state = failure[state - 1];
  if (text[state] == byte) ++state;
}

std::string StopMatcher::push(std::string_view text) {
  if (matched_) return {};
  for (const char byte : text) {
    held_ += byte;
    const Stop* found = nullptr;
    for (Stop& stop : stops_) {
      stop.advance(byte);
      if (stop.state == stop.text.size() && (!found || stop.text.size() > found->text.size())) found = &stop;
    }
    if (!found) continue;
    matched_ = found->text;
    held_.resize(held_.size() - found->text.size());
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const Stop& stop : stops_) keep = std::max(keep, stop.state);
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::flush() {
  return std::exchange(held_, {});
}

}  // namespace openelm
