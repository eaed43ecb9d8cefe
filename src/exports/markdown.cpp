#include "exports/markdown.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace holisafe::exports {
namespace {

/// Whether a link that nobody marked as one begins to be one with the character at `at`: "http:", "www.".
bool makes_a_link(std::string_view text, std::size_t at) {
  if (text[at] == ':')
    return text.substr(at + 1, 2) == "//" || ascii_lower(text.substr(0, at)).ends_with("mailto");
  return text[at] == '.' && ascii_lower(text.substr(0, at)).ends_with("www");
}

void add_row(const std::vector<PrintCell>& row, std::string& out) {
  bool below = false;
  for (const PrintCell& cell : row) {
    const std::string text = markdown_text(cell.text);
    out += cell.best ? fmt::format("| **{}** ", text) : fmt::format("| {} ", text);
    below = below || !cell.below.empty();
  }
  out += "|\n";
  if (!below) return;
  for (const PrintCell& cell : row) out += fmt::format("| {} ", markdown_text(cell.below));
  out += "|\n";
}

void add_part(const PrintTable& table, const PrintPart& part, std::string& out) {
  if (!part.heading.empty()) out += fmt::format("\n*{}*\n", markdown_text(part.heading));
  out += "\n";
  std::string rule;
  for (const PrintColumn& column : table.columns) {
    out += fmt::format("| {}", markdown_text(column.title));
    if (column.higher_is_better) out += *column.higher_is_better ? " \xe2\x86\x91" : " \xe2\x86\x93";
    out += " ";
    rule += column.number ? "|---:" : "|---";
  }
  out += "|\n" + rule + "|\n";
  for (const auto& row : part.rows) add_row(row, out);
}

}  // namespace

std::string markdown_text(std::string_view text) {
  constexpr std::string_view escaped = "\\`*_{}[]()#!|~$@\"'";
  const std::string shown = one_line(text);
  std::string out;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const char c = shown[i];
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      const bool link = (c == ':' || c == '.') && makes_a_link(shown, i);
      if (link || escaped.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string markdown_tables(std::span<const PrintTable> tables, const Remarks& /*remarks*/) {
  std::string out;
  for (const PrintTable& table : tables) {
    if (!out.empty()) out += "\n";
    out += markdown_text(table.caption) + "\n";
    for (const PrintPart& part : table.parts) add_part(table, part, out);
  }
  return out;
}

}  // namespace holisafe::exports
