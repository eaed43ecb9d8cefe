#include "benchmarks/python_list.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/escapes.h"

namespace holisafe::benchmarks {
namespace {

constexpr std::string_view blanks = " \t\n\r\f";

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> read() {
    std::vector<std::string> out;
    skip_blanks();
    HOLISAFE_CHECK(take('[', "a list"));
    skip_blanks();
    while (peek() != ']') {
      HOLISAFE_TRY(out.emplace_back(), take_string());
      skip_blanks();
      if (peek() == ']') break;
      HOLISAFE_CHECK(take(',', "a comma or the end of the list"));
      skip_blanks();
    }
    ++at_;
    skip_blanks();
    if (at_ < text_.size()) return fail(fault("nothing after the list"));
    return out;
  }

 private:
  [[nodiscard]] int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  void skip_blanks() {
    while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  [[nodiscard]] Error fault(std::string_view expected, ErrorKind kind = ErrorKind::malformed) const {
    if (at_ >= text_.size()) kind = ErrorKind::truncated;
    return {kind, "not a Python list of strings", fmt::format("byte {}", at_),
            fmt::format("expected {}", expected)};
  }
  Result<void> take(char c, std::string_view expected) {
    if (peek() != c) return fail(fault(expected));
    ++at_;
    return {};
  }

  Result<std::string> take_string() {
    const int quote = peek();
    if (quote != '\'' && quote != '"') return fail(fault("a string in quotes", ErrorKind::unsupported));
    ++at_;
    std::string out;
    while (peek() != quote) {
      if (peek() == -1 || peek() == '\n' || peek() == '\r' || peek() == 0)
        return fail(fault("the end of the string"));
      const char c = text_[at_++];
      if (c != '\\') {
        out += c;
      } else {
        HOLISAFE_CHECK(take_escape(out));
      }
    }
    ++at_;
    return out;
  }

  /// After its backslash.
  Result<void> take_escape(std::string& out) {
    constexpr std::string_view names = "\\'\"abfnrtv";
    constexpr std::string_view values = "\\'\"\a\b\f\n\r\t\v";
    const int c = peek();
    if (c == -1 || c == 0) return fail(fault("a character after the backslash"));
    if (c >= '0' && c <= '7') return take_octal(out);
    ++at_;
    if (const auto known = names.find(static_cast<char>(c)); known != std::string_view::npos) {
      out += values[known];
    } else if (c == 'x') {
      return take_hex(out, 2);
    } else if (c == 'u') {
      return take_hex(out, 4);
    } else if (c == 'U') {
      return take_hex(out, 8);
    } else if (c == 'N') {
      return fail(fault("no character by its name", ErrorKind::unsupported));
    } else if (c == '\r') {
      if (peek() == '\n') ++at_;
    } else if (c != '\n') {
      out += '\\';
      out += static_cast<char>(c);
    }
    return {};
  }

  Result<void> take_octal(std::string& out) {
    std::uint32_t value = 0;
    for (int count = 0; count < 3 && peek() >= '0' && peek() <= '7'; ++count)
      value = value * 8 + static_cast<std::uint32_t>(text_[at_++] - '0');
    out += utf8_of(value);
    return {};
  }

  Result<void> take_hex(std::string& out, int digits) {
    std::uint32_t value = 0;
    for (int count = 0; count < digits; ++count) {
      const int found = peek() == -1 ? 16 : digit(text_[at_]);
      if (found == 16) return fail(fault(fmt::format("{} hexadecimal digits", digits)));
      value = value << 4U | static_cast<std::uint32_t>(found);
      ++at_;
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
      return fail(fault("a character of Unicode before this byte", ErrorKind::unsupported));
    out += utf8_of(value);
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::string>> read_python_list(std::string_view text) { return ListReader(text).read(); }

}  // namespace holisafe::benchmarks
