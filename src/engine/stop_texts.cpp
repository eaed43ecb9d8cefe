#include "engine/stop_texts.h"

#include <algorithm>
#include <utility>

namespace holisafe::engine {
namespace {

/// Bytes at the end of `text` that are the beginning of `stop`, without being all of it.
std::size_t begun(std::string_view text, std::string_view stop) {
  for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.ends_with(stop.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

StopTexts::StopTexts(const std::vector<std::string>& texts) : texts_(texts) {
  std::erase(texts_, std::string());
}

std::string StopTexts::push(std::string_view piece) {
  if (met_) return {};
  held_ += piece;
  std::size_t end = std::string::npos;
  std::size_t held = 0;
  for (const std::string& text : texts_) {
    end = std::min(end, held_.find(text));
    held = std::max(held, begun(held_, text));
  }
  met_ = end != std::string::npos;
  std::string certain = held_.substr(0, met_ ? end : held_.size() - held);
  held_.erase(0, met_ ? held_.size() : certain.size());
  return certain;
}

std::string StopTexts::finish() { return std::exchange(held_, {}); }

}  // namespace holisafe::engine
