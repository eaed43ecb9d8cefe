#include "runs/row_index.h"

#include <algorithm>

#include "base/text.h"

namespace holisafe::runs {
namespace {

/// Bytes of `<image>` or `<image N>` at the start of `text`, else 0.
std::size_t image_mark(std::string_view text) {
  constexpr std::string_view opening = "<image";
  if (!text.starts_with(opening)) return 0;
  auto at = opening.size();
  if (at < text.size() && text[at] == ' ') {
    at = text.find_first_not_of("0123456789", at + 1);
    if (at == std::string_view::npos || at == opening.size() + 1) return 0;
  }
  return at < text.size() && text[at] == '>' ? at + 1 : 0;
}

Digest digest_of(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const std::size_t left_out = white_space(text) + image_mark(text);
    if (left_out == 0) plain += text.front();
    text.remove_prefix(std::max<std::size_t>(left_out, 1));
  }
  return sha256(plain);
}

}  // namespace

void RowIndex::add(const benchmarks::Item& item) {
  (item.id_is_string ? texts_ : integers_).emplace(item.id, questions_.size());
  std::string question;
  for (const chat::Part& part : item.parts) {
    if (const auto* text = std::get_if<std::string>(&part)) question += *text;
  }
  questions_.push_back(digest_of(question));
}

std::optional<std::size_t> RowIndex::find(const dataset::FieldValue& id) const {
  const bool text_first = id.kind == dataset::FieldValue::Kind::text;
  for (const auto* ids : {text_first ? &texts_ : &integers_, text_first ? &integers_ : &texts_}) {
    if (const auto place = ids->find(id.text); place != ids->end()) return place->second;
  }
  return std::nullopt;
}

bool RowIndex::asks(std::size_t position, std::string_view text) const {
  return questions_[position] == digest_of(text);
}

}  // namespace holisafe::runs
