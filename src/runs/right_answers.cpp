#include "runs/right_answers.h"

#include <algorithm>

namespace holisafe::runs {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::optional<double> RightAnswers::rate() const {
  if (rows == 0) return std::nullopt;
  return static_cast<double>(right) / static_cast<double>(rows);
}

bool holds_word(std::string_view text, std::string_view key) {
  if (key.empty()) return false;
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  for (auto at = text.begin();; ++at) {
    at = std::search(at, text.end(), key.begin(), key.end(), same);
    if (at == text.end()) return false;
    const auto after = at + static_cast<std::ptrdiff_t>(key.size());
    if ((at == text.begin() || !is_word(*(at - 1))) && (after == text.end() || !is_word(*after))) return true;
  }
}

}  // namespace holisafe::runs
