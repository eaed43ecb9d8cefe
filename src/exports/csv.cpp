#include "exports/csv.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::exports {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string text_field(const std::string& text, CsvFor reader) {
  std::string shown = as_utf8(text);
  constexpr std::string_view formulas = "=+-@\t";
  if (reader == CsvFor::spreadsheets && !shown.empty() &&
      formulas.find(shown.front()) != std::string_view::npos)
    shown.insert(0, "'");
  return shown.empty() || shown.find_first_of(",\"\r\n") != std::string::npos ? in_quotes(shown) : shown;
}

}  // namespace

std::string shortest(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end.ptr};
}

std::string csv_line(std::span<const Cell> cells, CsvFor reader) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (const auto* text = std::get_if<std::string>(&cells[i])) out += text_field(*text, reader);
    if (const auto* count = std::get_if<std::uint64_t>(&cells[i])) out += fmt::format("{}", *count);
    if (const auto* number = std::get_if<double>(&cells[i])) out += shortest(*number);
  }
  return out + "\n";
}

}  // namespace holisafe::exports
