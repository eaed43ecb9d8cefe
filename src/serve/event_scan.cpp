#include "serve/event_scan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace holisafe::serve {
namespace {

/// Longer ones lose their end: only the first event must be whole, which whoever buffers it bounds.
constexpr std::size_t most_kept_of_line = std::size_t{1} << 20;
/// OpenAI's bound on `n`.
constexpr std::size_t most_choices = 128;

/// Before it is parsed: whether a choice may have come to its end here, where most events say null.
bool may_finish(std::string_view value) {
  constexpr std::string_view name = "\"finish_reason\"";
  for (auto at = value.find(name); at != std::string_view::npos; at = value.find(name)) {
    value.remove_prefix(at + name.size());
    if (const auto said = value.find_first_not_of(" :\t");
        said != std::string_view::npos && value[said] == '"')
      return true;
  }
  return false;
}

}  // namespace

void EventScan::take(std::string_view bytes) {
  if (after_return_ && !bytes.empty()) {
    after_return_ = false;
    if (bytes.front() == '\n') bytes.remove_prefix(1);
  }
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    line_.append(
        bytes.substr(0, std::min(end, most_kept_of_line - std::min(most_kept_of_line, line_.size()))));
    bytes.remove_prefix(end);
    if (bytes.empty()) return;
    end_line();
    after_return_ = bytes == "\r";
    bytes.remove_prefix(bytes.starts_with("\r\n") ? 2 : 1);
  }
}

void EventScan::end_line() {
  constexpr std::string_view field = "data:";
  std::string_view line = line_;
  if (line.empty()) {
    end_event();
  } else if (line == "data") {
    data({});
  } else if (line.starts_with(byte_order_mark) && !first_) {
    line.remove_prefix(byte_order_mark.size());
  }
  if (line.starts_with(field)) {
    line.remove_prefix(field.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    data(line);
  }
  line_.clear();
}

void EventScan::data(std::string_view value) {
  if (!first_) {
    if (has_data_) data_ += '\n';
    data_ += value;
  }
  has_data_ = true;
  if (strip(value) == "[DONE]") done_ = true;
  if (may_finish(value) || value.find("\"completion_tokens\"") != std::string_view::npos) read_members(value);
}

void EventScan::end_event() {
  if (has_data_ && !first_) first_ = std::exchange(data_, {});
  has_data_ = false;
}

void EventScan::read_members(std::string_view value) {
  if (nests_deeper(value, 64)) return;
  const auto event = Json::parse(value, nullptr, false);
  if (!event.is_object()) return;
  if (const auto tokens = tokens_of(event)) tokens_ = tokens;
  const auto choices = event.find("choices");
  if (choices == event.end() || !choices->is_array()) return;
  for (const auto& choice : *choices) {
    if (!choice.is_object() || finished_.size() == most_choices) continue;
    const auto reason = choice.find("finish_reason");
    if (reason == choice.end() || !reason->is_string()) continue;
    const auto index = choice.find("index");
    finished_.insert(index != choice.end() && index->is_number_integer() ? index->get<std::int64_t>() : 0);
  }
}

}  // namespace holisafe::serve
