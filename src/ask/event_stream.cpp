#include "ask/event_stream.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace holisafe::ask {
namespace {

/// The next line without its end (LF, CR LF or CR), taken off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find_first_of("\r\n"), text.size());
  const std::string_view out = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with("\r\n")) {
    text.remove_prefix(2);
  } else if (!text.empty()) {
    text.remove_prefix(1);
  }
  return out;
}

/// Adds the document of an event that has ended.
Result<void> add(std::string_view provider, std::string& data, std::vector<Json>& out) {
  const std::string_view text = strip(data);
  if (!text.empty() && text != "[DONE]") {
    HOLISAFE_TRY(Json json, parse_json(provider, text));
    out.push_back(std::move(json));
  }
  data.clear();
  return {};
}

}  // namespace

bool is_event_stream(std::string_view body) {
  constexpr std::array<std::string_view, 4> fields = {"data:", "event:", "id:", "retry:"};
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  while (!body.empty() && (body.front() == '\r' || body.front() == '\n')) body.remove_prefix(1);
  return body.starts_with(':') ||
         std::any_of(fields.begin(), fields.end(), [&](auto field) { return body.starts_with(field); });
}

Result<std::vector<Json>> stream_events(std::string_view provider, std::string_view body) {
  constexpr std::string_view field = "data:";
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  std::vector<Json> out;
  std::string data;
  while (!body.empty()) {
    std::string_view line = take_line(body);
    if (line.empty()) HOLISAFE_CHECK(add(provider, data, out));
    if (!line.starts_with(field)) continue;
    line.remove_prefix(field.size());
    data += line;
    data += '\n';
  }
  HOLISAFE_CHECK(add(provider, data, out));
  if (out.empty()) return fail(unexpected_answer(provider, "an answer, found an event stream without data"));
  return out;
}

Error unfinished_stream(std::string_view provider) {
  return unexpected_answer(provider, "a whole answer, found an event stream that ends before it");
}

}  // namespace holisafe::ask
