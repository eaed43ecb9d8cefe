#include "judge/prompt.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::judge {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// The number of fields where there is none of this name.
std::size_t find_field(std::span<const FieldNames> fields, std::string_view word) {
  const auto place = std::find_if(fields.begin(), fields.end(), [&](const FieldNames& each) {
    return each.name == word || (!each.alias.empty() && each.alias == word);
  });
  return static_cast<std::size_t>(place - fields.begin());
}

/// "{a}, {b} or {c}"
std::string listed(std::span<const FieldNames> fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const char* before = i == 0 ? "" : i + 1 == fields.size() ? " or " : ", ";
    out += fmt::format("{}{{{}}}", before, fields[i].name);
  }
  return out;
}

}  // namespace

Result<PromptTemplate> PromptTemplate::parse(std::string text, const std::string& where,
                                             std::span<const FieldNames> fields) {
  PromptTemplate out;
  out.text_ = std::move(text);
  if (!is_utf8(out.text_)) return fail(ErrorKind::invalid_utf8, "bad judge prompt", where, "expected UTF-8");
  const std::string_view all = out.text_;
  std::size_t begin = 0;
  bool has_response = false;
  for (auto open = all.find('{'); open != std::string_view::npos; open = all.find('{', open + 1)) {
    const auto close = all.find('}', open);
    if (close == std::string_view::npos) break;
    const auto word = all.substr(open + 1, close - open - 1);
    if (!is_word(word)) continue;
    const std::size_t field = find_field(fields, word);
    if (field == fields.size()) {
      return fail(ErrorKind::unexpected, "unknown field in the judge prompt", where,
                  fmt::format("expected {}, found {{{}}}", listed(fields), word));
    }
    has_response = has_response || fields[field].name == "response";
    out.pieces_.push_back({begin, open, field});
    begin = close + 1;
    open = close;
  }
  out.pieces_.push_back({begin, all.size(), no_field});
  if (!has_response) {
    return fail(ErrorKind::missing, "judge prompt without the answer to judge", where,
                "expected the field {response}, found none");
  }
  return out;
}

FilledPrompt PromptTemplate::fill(std::span<const std::string> values) const {
  FilledPrompt out;
  for (const Piece& piece : pieces_) {
    out.text.append(text_, piece.begin, piece.end - piece.begin);
    if (piece.field == no_field || values[piece.field].empty()) continue;
    const std::size_t begin = out.text.size();
    out.text += values[piece.field];
    out.places.push_back({begin, out.text.size(), piece.field});
  }
  return out;
}

std::span<const FilledPrompt::Place> FilledPrompt::touched(std::size_t begin, std::size_t end) const {
  const auto first = std::partition_point(places.begin(), places.end(),
                                          [&](const Place& place) { return place.end <= begin; });
  const auto last =
      std::partition_point(first, places.end(), [&](const Place& place) { return place.begin < end; });
  return {first, last};
}

}  // namespace holisafe::judge
