#include "exports/tex.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace holisafe::exports {
namespace {

/// What stands for a character of ASCII; nothing where it stands for itself.
std::string_view ascii_word(char c) {
  switch (c) {
    case '\\':
      return "\\textbackslash{}";
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '|':
      return "\\textbar{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '"':  // a command of some languages
      return "\\char34{}";
    case '`':
      return "\\char96{}";
    default:
      return {};
  }
}

/// What stands for a character because of where it is; nothing where it stands for itself: two of a kind
/// would be one sign, and the end of a row takes what follows it.
std::string_view placed_word(char c, bool first, char next) {
  if (c == next && c == '-') return "-{}";
  if (c == next && c == '\'') return "'{}";
  if (first && c == '[') return "{[}";
  if (first && c == '*') return "{*}";
  return {};
}

char32_t code_of(std::string_view character) {
  static constexpr std::array<unsigned, 5> masks = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t out = static_cast<unsigned char>(character.front()) & masks[character.size()];
  for (const char c : character.substr(1)) out = out << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return out;
}

/// Latin letters that pdfLaTeX makes of any encoding of fonts.
bool is_known(char32_t code) {
  static constexpr std::array<char32_t, 6> others = {0xd0, 0xd7, 0xde, 0xf0, 0xf7, 0xfe};
  return code >= 0xc0 && code <= 0xff && std::find(others.begin(), others.end(), code) == others.end();
}

std::string wide_word(std::string_view character) {
  constexpr char32_t en_dash = 0x2013;
  constexpr char32_t minus = 0x2212;
  const char32_t code = code_of(character);
  if (code == en_dash) return "--";
  if (code == minus) return "$-$";
  if (is_known(code)) return std::string(character);
  return fmt::format("\\holisafecharacter{{{}}}{{U+{:04X}}}", character, static_cast<std::uint32_t>(code));
}

constexpr std::string_view define_character =
    "\\providecommand\\holisafecharacter[2]{\\ifdefined\\Umathcode #1\\else #2\\fi}\n";

/// A line that TeX passes over, without anything that would be a command were it moved out of it.
std::string comment(std::string_view text) {
  std::string out = "% ";
  for (const char c : one_line(text)) {
    if (c == '\\') {
      out += ascii_word(c);
    } else {
      out += c;
    }
  }
  return out + "\n";
}

void add_row(const std::vector<PrintCell>& row, std::string& out) {
  bool below = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string text = tex_text(row[i].text);
    out += i == 0 ? "" : " & ";
    out += row[i].best ? fmt::format("\\textbf{{{}}}", text) : text;
    below = below || !row[i].below.empty();
  }
  out += " \\\\\n";
  if (!below) return;
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += i == 0 ? "" : " & ";
    if (!row[i].below.empty()) out += fmt::format("{{\\footnotesize {}}}", tex_text(row[i].below));
  }
  out += " \\\\\n";
}

void add_table(const PrintTable& table, std::string& out) {
  if (!table.caption.empty()) out += comment(table.caption);
  out += "\\begin{tabular}{";
  for (const PrintColumn& column : table.columns) out += column.number ? 'r' : 'l';
  out += "}\n\\toprule\n";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const PrintColumn& column = table.columns[i];
    out += i == 0 ? "" : " & ";
    out += tex_text(column.title);
    if (column.higher_is_better) out += *column.higher_is_better ? " $\\uparrow$" : " $\\downarrow$";
  }
  out += " \\\\\n";
  for (const PrintPart& part : table.parts) {
    out += "\\midrule\n";
    if (!part.heading.empty()) {
      out += fmt::format("\\multicolumn{{{}}}{{l}}{{\\emph{{{}}}}} \\\\\n", table.columns.size(),
                         tex_text(part.heading));
    }
    for (const auto& row : part.rows) add_row(row, out);
  }
  out += "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace

std::string tex_text(std::string_view text) {
  constexpr std::string_view escaped = "$&#_%{}";
  const std::string shown = one_line(text);
  std::string out;
  for (std::size_t i = 0; i < shown.size();) {
    const std::size_t bytes = std::max<std::size_t>(1, utf8_length(std::string_view(shown).substr(i)));
    const char c = shown[i];
    if (bytes > 1) {
      out += wide_word(std::string_view(shown).substr(i, bytes));
    } else if (escaped.find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (c == ' ' && (i == 0 || shown[i - 1] == ' ')) {
      out += "\\ ";
    } else if (const std::string_view word = ascii_word(c); !word.empty()) {
      out += word;
    } else if (const std::string_view placed =
                   placed_word(c, i == 0, i + 1 < shown.size() ? shown[i + 1] : '\0');
               !placed.empty()) {
      out += placed;
    } else {
      out += c;
    }
    i += bytes;
  }
  return out;
}

std::string tex_tables(std::span<const PrintTable> tables, const Remarks& remarks) {
  std::string out;
  for (const std::string& remark : remarks) out += comment(remark);
  out += "% Needs \\usepackage{booktabs}.\n";
  std::string body;
  for (const PrintTable& table : tables) {
    if (!body.empty()) body += "\n";
    add_table(table, body);
  }
  if (body.find("\\holisafecharacter") != std::string::npos) out += define_character;
  return out + body;
}

}  // namespace holisafe::exports
